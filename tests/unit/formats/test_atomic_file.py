"""A file that several write at once is whole at every moment, and nothing is left beside it."""

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from include.formats.atomic_file import write_atomically

TEXT = "a text that is written again\n" * 200


def test_the_same_text_by_many_at_once_is_whole_and_alone(tmp_path: Path) -> None:
    def write_and_read(_: int) -> str:
        write_atomically(tmp_path / "order.json", TEXT)
        return (tmp_path / "order.json").read_text()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write_and_read, range(400))) == {TEXT}
    assert [file.name for file in tmp_path.iterdir()] == ["order.json"]


def test_a_file_that_holds_the_text_is_left_alone_unless_others_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_atomically(file, "one")
    before = file.stat().st_ino
    write_atomically(file, "one")
    assert file.stat().st_ino == before
    write_atomically(file, "one", private=True)
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o600, "one")
    write_atomically(file, "two")
    assert file.read_text() == "two"


def test_what_could_not_be_written_leaves_nothing_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(tmp_path / "a", "one")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space"):
            write_atomically(tmp_path / "a", "two")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a", "one")]
