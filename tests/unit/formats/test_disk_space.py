"""File systems that hold state, and the many ways in which a full one shows itself."""

import errno
import os
from itertools import pairwise
from pathlib import Path

import pytest

from include.errors import ServiceError
from include.formats.disk_space import DiskSpace, file_systems, full, space_of


def test_a_file_system_is_told_once_with_all_that_it_holds(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    found = file_systems([("state", tmp_path), ("lake", tmp_path / "lake"), ("none", tmp_path / "none")])
    assert [one.holds for one in found] == ["state, lake"]
    assert os.path.ismount(found[0].mount)
    assert 0 <= found[0].free_bytes <= found[0].size_bytes


def test_the_space_of_what_does_not_exist_is_that_of_what_is_above(tmp_path: Path) -> None:
    assert space_of(tmp_path / "a" / "b").mount == space_of(tmp_path).mount


@pytest.mark.parametrize(
    ("free", "inodes", "scarce"), [(1000, 1000, False), (1, 1000, True), (1000, 1, True), (1000, 0, False)]
)
def test_a_file_system_is_scarce_of_bytes_or_of_inodes(free: int, inodes: int, scarce: bool) -> None:
    of = DiskSpace(
        mount="/m", holds="state", size_bytes=10_000, free_bytes=free, inodes=10_000 if inodes else 0,
        free_inodes=inodes,
    )  # fmt: skip
    assert of.scarce is scarce
    assert ("inodes" in str(of)) is bool(inodes)


def _raised(*errors: Exception) -> Exception:
    """The last, raised from the one before, and so on."""
    for cause, error in pairwise(errors):
        error.__cause__ = cause
    return errors[-1]


FULL = {
    "no space": OSError(errno.ENOSPC, "No space left on device", "/m/a"),
    "quota": OSError(errno.EDQUOT, "Disk quota exceeded"),
    "a cause": _raised(OSError(errno.ENOSPC, "No space left on device"), ValueError("x"), RuntimeError("y")),
    "words of Rust": OSError("Generic LocalFileSystem error: No space left on device (os error 28)"),
    "words of SQLite": RuntimeError("(sqlite3.OperationalError) database or disk is full"),
    "words of a server": ServiceError("MLflow answered 500: database or disk is full"),
}
OTHER = {
    "not there": FileNotFoundError(errno.ENOENT, "No such file", "/m/a"),
    "a value": ValueError("28"),
    "locked": RuntimeError("database is locked"),
}


@pytest.mark.parametrize("error", FULL.values(), ids=FULL.keys())
def test_a_full_disk_is_known_in_whatever_words(error: Exception) -> None:
    found = full(error)
    assert found is not None
    assert found.errno in (errno.ENOSPC, errno.EDQUOT)


@pytest.mark.parametrize("error", OTHER.values(), ids=OTHER.keys())
def test_other_faults_are_no_full_disk(error: Exception) -> None:
    assert full(error) is None
