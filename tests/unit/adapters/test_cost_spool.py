"""What tasks took lies in files by hour until the lake has it; no line and no file stops the others."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.adapters.cost_spool import CostSpool
from include.adapters.unreadable_records import UnreadableRecords
from include.records.registry import TASK_COSTS
from tests.unit.fakes.lake import MemoryLake
from tests.unit.operations.overview.test_task_sums import cost

LATER = timedelta(hours=3)


def spool(directory: Path) -> CostSpool:
    return CostSpool(directory / "u", aside(directory))


def aside(directory: Path) -> UnreadableRecords:
    return UnreadableRecords(directory / "aside", "costs")


def written(directory: Path) -> Path:
    (file,) = (directory / "u").glob("*.jsonl")
    return file


def test_what_is_added_is_read_and_settles_when_its_hours_are_over(tmp_path: Path) -> None:
    costs, now = spool(tmp_path), datetime.now(UTC)
    assert costs.read() == []
    costs.add(cost())
    costs.add(cost(attempt=2))
    assert [one.attempt for one in costs.read()] == [1, 2]
    assert list(costs.settled(now)) == []
    [(file, found)] = costs.settled(now + LATER)
    assert (found, aside(tmp_path).count()) == (costs.read(), 0)
    file.unlink()
    assert costs.read() == []


UNREADABLE: dict[str, dict[str, Any]] = {
    "a number that no column holds": {"peak_bytes": 2**70},
    "a version that no column holds": {"version": 2**65},
    "no number": {"seconds": float("nan")},
    "an infinite number": {"cpu_seconds": float("inf")},
    "a period that is none": {"period": "2013-99"},
    "a time that is none": {"ended_at": 1e18},
    "a field that is not known": {"colour": "red"},
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_line_that_cannot_be_read_is_kept_aside_once_and_stops_nothing(tmp_path: Path, what: str) -> None:
    costs = spool(tmp_path)
    costs.add(cost())
    with written(tmp_path).open("a") as lines:
        lines.write(json.dumps(cost().json_dict() | UNREADABLE[what]) + "\n")
    costs.add(cost(attempt=2))
    for _ in range(2):  # a repetition keeps nothing twice
        [(_, found)] = costs.settled(datetime.now(UTC) + LATER)
        assert [one.attempt for one in found] == [1, 2]
    lake: Any = MemoryLake()
    TASK_COSTS.append("u", lake, found)
    assert [record.source.partition(":")[0] for record in aside(tmp_path).newest()] == [written(tmp_path).name]


def test_a_line_that_was_cut_costs_no_other(tmp_path: Path) -> None:
    costs = spool(tmp_path)
    costs.add(cost())
    with written(tmp_path).open("a") as lines:
        lines.write('{"family": "tra')
    costs.add(cost(attempt=2, run="named by a person\u2028\x85 who likes line feeds"))
    [(_, found)] = costs.settled(datetime.now(UTC) + LATER)
    assert [one.attempt for one in found] == [1, 2]
    assert aside(tmp_path).count() == 1


@pytest.mark.parametrize("name", ["notes.jsonl", "2026-11-29T09.bak.jsonl", "2026-99-99T09.jsonl", "20261129.jsonl"])
def test_a_file_of_no_hour_stops_nothing_and_stays(tmp_path: Path, name: str) -> None:
    costs = spool(tmp_path)
    costs.add(cost())
    known = written(tmp_path)
    (tmp_path / "u" / name).write_text("hello\n")
    assert [file for file, _ in costs.settled(datetime.now(UTC) + LATER)] == [known]
    assert len(costs.read()) == 1
