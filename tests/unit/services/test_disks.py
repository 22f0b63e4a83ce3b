"""A full disk in words: which disk, for what, what is free."""

import errno
from pathlib import Path

import pytest

from include.errors import DataError, DiskFullError
from include.formats.disk_space import space_of
from include.services.disks import disk_full, disks, naming_full_disks
from include.settings import Settings


def test_every_room_of_the_state_root_is_on_a_file_system(tmp_path: Path) -> None:
    for room in ("lake", "spool"):
        (tmp_path / room).mkdir()
    found = disks(Settings(home=tmp_path))
    state = next(one for one in found if "state" in one.holds.split(", "))
    assert {"lake", "spool"} <= {*state.holds.split(", ")}
    assert any("shared memory" in one.holds for one in found)
    assert len({one.mount for one in found}) == len(found)


def test_a_full_disk_is_named_with_path_and_free_space(tmp_path: Path) -> None:
    file = tmp_path / "lake" / "part.parquet"
    with (
        pytest.raises(DiskFullError, match=rf"{file}: No space left .*of .* MiB.*are free.*Free space") as refused,
        naming_full_disks(Settings(home=tmp_path)),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", str(file))
    assert refused.value.retryable


def test_without_a_path_the_disks_of_the_state_are_named(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="are free"), naming_full_disks(Settings(home=tmp_path)):
        raise RuntimeError("database or disk is full")


def test_a_vague_fault_is_that_of_a_disk_only_where_one_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, vague = Settings(home=tmp_path), RuntimeError("(sqlite3.OperationalError) disk I/O error")
    there = space_of(tmp_path)
    monkeypatch.setattr("include.services.disks.disks", lambda _: [there.model_copy(update={"free_bytes": 10**12})])
    assert disk_full(settings, vague) is None
    monkeypatch.setattr("include.services.disks.disks", lambda _: [there.model_copy(update={"free_bytes": 0})])
    assert "0.0 of" in str(disk_full(settings, vague))


def test_another_fault_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="rows"), naming_full_disks(Settings(home=tmp_path)):
        raise DataError("no rows")
