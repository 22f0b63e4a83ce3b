"""Directories that carry the hashes of their files."""

import subprocess
from pathlib import Path

import pytest

from include.errors import DamagedFileError
from include.formats import checksums
from include.formats.file_proof import Proofs, sha256


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "a.parquet"
    made.write_bytes(b"first")
    checksums.write_sums(tmp_path, [made])
    return made


def prove(file: Path) -> None:
    checksums.prove(file, "a table", "make it again")


def test_other_bytes_are_named_with_the_way_out(file: Path) -> None:
    prove(file)
    file.write_bytes(b"fjrst")
    with pytest.raises(DamagedFileError, match=r"a table: .*a\.parquet is damaged \(its SHA-256 .*; make it again"):
        prove(file)


def test_the_sums_are_as_sha256sum_reads_them(file: Path) -> None:
    checked = subprocess.run(["sha256sum", "-c", checksums.SUMS], cwd=file.parent, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_without_sums_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"x")
    prove(tmp_path / "b")


def test_a_file_without_a_sum_among_others_is_refused(file: Path) -> None:
    other = file.with_name("b.parquet")
    other.write_bytes(b"x")
    with pytest.raises(DamagedFileError, match=r"does not name b\.parquet"):
        prove(other)


def test_damaged_sums_are_named(file: Path) -> None:
    (file.parent / checksums.SUMS).write_text("half a li")
    with pytest.raises(DamagedFileError, match="SHA256SUMS is damaged"):
        prove(file)


def test_a_replacement_that_is_killed_anywhere_leaves_a_file_that_is_proved(file: Path) -> None:
    aside = file.with_name("aside")
    aside.write_bytes(b"second")
    known = checksums.sums(file.parent)
    coming = known | {checksums.COMING + file.name: sha256(aside)}
    checksums._write(file.parent, coming)
    prove(file)  # killed before the rename: the old file
    file.write_bytes(b"second")
    prove(file)  # killed after it: the new one
    file.write_bytes(b"first")
    checksums.replace(file, aside)
    assert file.read_bytes() == b"second"
    assert checksums.sums(file.parent) == {file.name: sha256(file)}
    prove(file)


def test_a_file_is_read_once_until_it_changes_and_by_a_scrub_always(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs, reads = Proofs(), []
    for name in ("sha256", "sha256_on_disk"):
        read = {"sha256": sha256, "sha256_on_disk": sha256}[name]
        monkeypatch.setattr(
            f"include.formats.file_proof.{name}", lambda path, n=name, r=read: (reads.append(n), r(path))[1]
        )
    digest = sha256(file)
    for _ in range(3):
        proofs.prove(file, digest, "a table", "make it again")
    assert reads == ["sha256"]
    proofs.prove(file, digest, "a table", "make it again", again=True)
    assert reads == ["sha256", "sha256_on_disk"]
    file.write_bytes(b"first")  # the same bytes, another time
    proofs.prove(file, digest, "a table", "make it again")
    assert reads[2:] == ["sha256"]


def test_a_file_that_is_gone_is_named(file: Path) -> None:
    file.unlink()
    with pytest.raises(DamagedFileError, match=r"a\.parquet cannot be read \(No such file"):
        prove(file)
