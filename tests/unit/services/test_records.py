"""The newest records are asked for, not sifted out of all of them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from include.contracts.deployment import RolloutEvent, RolloutState
from include.contracts.operations import Figure
from include.contracts.period import Period
from include.contracts.quality import CheckRecord
from include.contracts.tables import RowFilter
from include.deployment import events
from include.records.registry import FIGURES, GATE_RESULTS, ROLLOUT_EVENTS
from include.services.records import Records
from include.specification.loader import load_usecase
from tests.unit.fakes.lake import MemoryLake

SPEC = load_usecase("flight_delay")
STATE = RolloutState(
    usecase=SPEC.name, generation=4, champion="r0001", weights={"r0001": 1.0}, strategy="canary", reason="first",
    rollout="run",
)  # fmt: skip


class WatchedLake(MemoryLake):
    """Remembers how many rows were read."""

    def __init__(self) -> None:
        super().__init__()
        self.rows_read = 0

    def select(self, usecase: str, table: str, wanted: RowFilter) -> pa.Table:
        rows = super().select(usecase, table, wanted)
        self.rows_read += rows.num_rows
        return rows


class OneLake:
    def __init__(self, lake: MemoryLake) -> None:
        self.lake = lake


@pytest.fixture
def lake() -> WatchedLake:
    return WatchedLake()


@pytest.fixture
def records(lake: WatchedLake) -> Records:
    return Records(OneLake(lake))


def figure(period: str, value: float = 0.7, release: str = "r0001") -> Figure:
    return Figure(usecase=SPEC.name, release=release, period=Period(period), name="auc", value=value)


def checks(gate: str, period: str, evaluation: str, day: int) -> Iterator[CheckRecord]:
    """Two checks of one evaluation."""
    for position in (0, 1):
        yield CheckRecord(
            period=Period(period), gate=gate, run="run", evaluation=evaluation, position=position, table="flights",
            expectation=f"e{position}", column=None, severity="block", rows=9, evaluated_at=f"2013-09-{day:02}T00:00Z",
        )  # fmt: skip


def test_the_newest_period_was_monitored_last(records: Records, lake: WatchedLake) -> None:
    assert records.shown_figures(SPEC) == []
    for period in ("2013-06", "2013-05"):
        FIGURES.replace(SPEC.name, lake, Period(period), [figure(period), figure(period, release="r0002")])
    lake.rows_read = 0
    newest, judged = records.shown_figures(SPEC)
    assert newest.figures == [figure("2013-06"), figure("2013-06", release="r0002")]
    assert (newest.end, judged.end, judged.figures) == (SPEC.calendar.end(Period("2013-06")), newest.end, [])
    assert lake.rows_read == 2


def test_the_newest_evaluation_of_each_gate_is_whole(records: Records, lake: WatchedLake) -> None:
    assert records.last_gate_results(SPEC) == []
    for made in (("raw", "2013-07", "a", 1), ("raw", "2013-06", "b", 3), ("features", "2013-06", "c", 2)):
        GATE_RESULTS.append(SPEC.name, lake, checks(*made))
    found = records.last_gate_results(SPEC)
    assert [(r.gate, r.period, [c.expectation for c in r.checks]) for r in found] == [
        ("raw", "2013-06", ["e0", "e1"]), ("features", "2013-06", ["e0", "e1"]),
    ]  # fmt: skip
    assert [r.gate for r in records.gate_results(SPEC)] == ["raw", "features", "raw"], "oldest first"
    assert len(records.gate_results(SPEC, periods=[Period("2013-07")])) == 1


def event(what: str, day: int, **changes: Any) -> RolloutEvent:
    at = datetime(2013, 5, day, tzinfo=UTC)
    return events.event(STATE, what, "ann").model_copy(update={"at": at, **changes})


def test_the_newest_drill_is_no_other_event(records: Records, lake: WatchedLake) -> None:
    drills = [event("drilled", day) for day in (1, 2)]
    ROLLOUT_EVENTS.append(SPEC.name, lake, [*drills, event("promoted", 3)])
    lake.rows_read = 0
    assert records.last_drill(SPEC) == [drills[1]]
    assert lake.rows_read == 1


def test_a_repeated_task_records_its_event_once_and_reads_no_other(lake: WatchedLake) -> None:
    for day in range(1, 6):
        events.record(SPEC, lake, event("judged", day, generation=day))
    lake.rows_read = 0
    again = event("judged", 9, generation=2)
    events.record(SPEC, lake, again)
    assert lake.rows_read == 1
    assert len(ROLLOUT_EVENTS.read(SPEC.name, lake)) == 5
    events.record(SPEC, lake, again.model_copy(update={"event": "kept"}))
    assert ROLLOUT_EVENTS.read(SPEC.name, lake, newest=1)[0].event == "kept"
