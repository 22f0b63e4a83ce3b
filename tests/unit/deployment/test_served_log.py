"""The spool of predictions and the server's log on a disk that takes nothing, or a part, for a while."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.deployment.serving_code import served

SPOOL, SERVER = served("spool"), served("server_log")
EVENT, HOUR, LATER = 1360000000.5, 1359997200, 3600 * 800


def record(number: int, at: float = EVENT, release: str = "r0001") -> dict[str, Any]:
    return {"request_id": f"q{number}", "release": release, "inputs": {"at": at}, "filling": "x" * 50}


def logged(log: Any, *records: dict[str, Any]) -> Any:
    return log.append([json.dumps(one).encode() + b"\n" for one in records], list(records))


class Disk:
    """Takes so many more bytes; the real file gets what it takes."""

    def __init__(self) -> None:
        self.room: float = float("inf")
        self._write = os.write

    def write(self, file: int, content: bytes) -> int:
        if content and self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(file, content[: int(min(self.room, len(content)))])
        self.room -= written
        return written


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    small = Disk()
    monkeypatch.setattr(os, "write", small.write)
    return small


def lines(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in directory.glob("*.jsonl") for line in file.read_text().splitlines()]


def test_a_full_disk_costs_records_and_the_log_says_how_many(tmp_path: Path, disk: Disk) -> None:
    log = SPOOL.Spool(str(tmp_path / "spool"), "at")
    assert logged(log, record(1)).rows == 0
    disk.room = 0
    lost = [logged(log, record(2), record(3, EVENT + LATER)), logged(log, record(4, release="r0002"))]
    assert [one.rows for one in lost] == [2, 1]
    assert "No space left" in lost[0].reason
    disk.room = float("inf")
    assert logged(log, record(5)) == (0, "")
    first, gap, last = lines(tmp_path / "spool")
    assert (first["request_id"], last["request_id"]) == ("q1", "q5")
    assert gap["gap"]["since"] <= gap["gap"]["until"]
    counted = {(one["release"], one["hour"]): one["rows"] for one in gap["gap"]["lost"]}
    assert counted == {("r0001", HOUR): 1, ("r0001", HOUR + LATER): 1, ("r0002", HOUR): 1}


def test_the_gap_is_said_though_nobody_asks_any_more(tmp_path: Path, disk: Disk) -> None:
    log = SPOOL.Spool(str(tmp_path), "at")
    disk.room = 0
    logged(log, record(1))
    log.look_after()
    assert lines(tmp_path) == []
    disk.room = float("inf")
    log.look_after()
    log.look_after()
    (gap,) = lines(tmp_path)
    assert gap["gap"]["lost"] == [{"release": "r0001", "hour": HOUR, "rows": 1}]


@pytest.mark.parametrize("room", [1, 60, 119, 120, 200, 300])
def test_a_record_that_was_cut_leaves_nothing_behind_and_every_record_is_there_or_counted(
    tmp_path: Path, disk: Disk, room: int
) -> None:
    log, batches = SPOOL.Spool(str(tmp_path), "at"), iter(range(1000))

    def ask() -> int:
        return logged(log, *(record(next(batches)) for _ in range(3))).rows

    disk.room = room
    told = [ask(), ask()]
    disk.room = room  # for a part of the gap
    told.append(ask())
    disk.room = float("inf")
    told.append(ask())
    there = lines(tmp_path)  # every line is whole
    lost = sum(one["rows"] for line in there if "gap" in line for one in line["gap"]["lost"])
    assert lost == sum(told)
    assert lost + sum("request_id" in line for line in there) == 12


def test_a_line_that_could_not_be_taken_back_is_ended(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    log = SPOOL.Spool(str(tmp_path), "at")
    monkeypatch.setattr(os, "ftruncate", refuses)
    disk.room = 60
    assert logged(log, record(1)).rows == 1
    disk.room = float("inf")
    assert logged(log, record(2)).rows == 0
    text = next(tmp_path.glob("*.jsonl")).read_text().splitlines()
    assert [line.endswith("}") for line in text] == [False, True, True]
    assert "gap" in json.loads(text[1])


def test_a_day_whose_file_cannot_be_made_is_written_to_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SPOOL.Spool(str(tmp_path), "at")
    logged(log, record(1))
    log._day = "20010101"

    def refuses(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no inode")

    with monkeypatch.context() as full:
        full.setattr(os, "open", refuses)
        assert logged(log, record(2)).rows == 0
    assert logged(log, record(3)).rows == 0
    assert [one["request_id"] for one in lines(tmp_path)] == ["q1", "q2", "q3"]


def test_a_log_that_cannot_be_made_refuses_no_model_and_begins_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no room for a directory")

    with monkeypatch.context() as full:
        full.setattr(Path, "mkdir", refuses)
        log = SPOOL.Spool(str(tmp_path / "new"), "at")
        assert logged(log, record(1)).rows == 1
    logged(log, record(2))
    assert ["gap" in one for one in lines(tmp_path / "new")] == [True, False]


def test_a_file_that_was_deleted_to_free_space_is_made_anew(tmp_path: Path) -> None:
    log = SPOOL.Spool(str(tmp_path / "spool"), "at")
    logged(log, record(1))
    for path in (*(tmp_path / "spool").iterdir(), tmp_path / "spool"):
        path.unlink() if path.is_file() else path.rmdir()
    log.look_after()
    assert logged(log, record(2)).rows == 0
    assert [one["request_id"] for one in lines(tmp_path / "spool")] == ["q2"]


def test_records_that_have_no_lines_are_counted_too(tmp_path: Path) -> None:
    log = SPOOL.Spool(str(tmp_path), "at")
    assert log.lose([record(1)], "no JSON").rows == 1
    logged(log, record(2))
    assert lines(tmp_path)[0]["gap"]["lost"][0]["rows"] == 1


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[Any, Callable[[], list[str]]]]:
    """A server's log whose thread was not started, and what stands in its file."""
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    log = SERVER.ServerLog(file)
    log._thread = log  # only the test writes
    yield log, lambda: (tmp_path / "log").read_text().splitlines()
    os.close(file)


def test_words_wait_for_the_disk_and_the_oldest_go(told: tuple[Any, Callable], disk: Disk) -> None:
    log, written = told
    disk.room = 0
    for number in range(SERVER.KEPT + 5):
        log.tell(f"line {number}")
    assert not log.write_waiting()
    disk.room = float("inf")
    assert log.write_waiting()
    assert (written()[0], len(written())) == ("moebius: line 5", SERVER.KEPT)


def test_words_are_written_by_a_thread(tmp_path: Path) -> None:
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    log = SERVER.ServerLog(file)
    log.tell("first")
    log.tell("bad \udcff")
    while log._waiting:
        os.sched_yield()
    assert (tmp_path / "log").read_text() == "moebius: first\nmoebius: bad \\udcff\n"
    os.close(file)
