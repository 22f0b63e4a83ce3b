"""What the gates say of a period: the newest evaluation counts, and rows that wait come before all else."""

import pytest

from include.contracts.period import Period
from include.data import gate_outcomes
from include.data.gate_outcomes import PeriodState
from tests.unit.data.test_gate_history import DAYS, SPEC, recorded, result
from tests.unit.fakes.lake import MemoryLake


def found(lake: MemoryLake, held: dict[Period, int] | None = None) -> list[PeriodState]:
    return gate_outcomes.states(DAYS, gate_outcomes.outcomes(SPEC.name, lake, DAYS), held or {})


def test_the_newest_evaluation_of_a_gate_counts() -> None:
    lake = MemoryLake()
    recorded(lake, result("raw", DAYS[0], False, True), result("raw", DAYS[0], True, False, True))
    [raw] = found(lake)[0].gates
    assert [(one.table, one.state, one.rows, one.expectations) for one in raw.outcomes] == [
        ("t0", "passed", 10, 2), ("t1", "warned", 11, 1),
    ]  # fmt: skip
    assert raw.state == "warned"
    assert found(lake)[0].failures == ["raw t1: e, 0 of 11 rows"]


@pytest.mark.parametrize(("features", "held", "state"), [
    ((True, True), 0, "passed"), ((True, False), 0, "warned"), ((False, False), 0, "refused"),
    ((False, True), 3, "quarantined"), ((), 0, "passed"),
])  # fmt: skip
def test_a_period_is_as_good_as_its_worst_gate(features: tuple[bool, ...], held: int, state: str) -> None:
    lake = MemoryLake()
    recorded(lake, result("raw", DAYS[1], True, True), *([result("features", DAYS[1], *features)] if features else []))
    states = found(lake, {DAYS[1]: held} if held else {})
    assert [one.state for one in states] == ["not checked", state, "not checked", "not checked"]


def test_without_periods_nothing_is_read() -> None:
    assert gate_outcomes.outcomes(SPEC.name, MemoryLake(), []) == []
    assert gate_outcomes.outcomes(SPEC.name, MemoryLake(), DAYS) == []
