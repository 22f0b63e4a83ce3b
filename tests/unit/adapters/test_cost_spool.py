"""What tasks took lies in files by hour until the lake has it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.adapters.cost_spool import CostSpool
from tests.unit.operations.test_spending import cost


def test_what_is_added_is_read_and_settles_when_its_hours_are_over(tmp_path: Path) -> None:
    spool, now = CostSpool(tmp_path / "u"), datetime.now(UTC)
    assert spool.read() == []
    spool.add(cost())
    spool.add(cost(attempt=2))
    assert [one.attempt for one in spool.read()] == [1, 2]
    assert list(spool.settled(now)) == []
    [(file, found)] = spool.settled(now + timedelta(hours=3))
    assert found == spool.read()
    file.unlink()
    assert spool.read() == []


def test_a_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    spool = CostSpool(tmp_path)
    spool.add(cost())
    [file] = tmp_path.glob("*.jsonl")
    with file.open("a") as lines:
        lines.write('{"family": "tra')
    assert [one.family for one in spool.read()] == ["training"]
