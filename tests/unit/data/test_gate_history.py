"""What the gates said before, in short: the same words as the whole results, and read once."""

from itertools import count
from typing import Any

import pytest

from include.contracts.period import Period
from include.contracts.quality import CheckOutcome, GateResult
from include.data import quality
from include.data.gate_history import GateHistory
from include.records.registry import GATE_RESULTS
from include.specification.loader import load_usecase
from tests.unit.fakes.lake import MemoryLake

SPEC = load_usecase("flight_delay")
DAYS = Period.ranged("2013-01-01..2013-01-04")
_runs = count()


def result(gate: Any, day: Period, *passed: bool) -> GateResult:
    checks = [
        CheckOutcome(check=str(n), table=f"t{n % 2}", expectation="e", column=None, severity="warn" if n else "block",
                     rows=10 + n % 2, passed=well)
        for n, well in enumerate(passed)
    ]  # fmt: skip
    rows = {check.table: check.rows for check in checks}
    return GateResult(usecase=SPEC.name, gate=gate, period=day, rows=rows, checks=checks)


def recorded(lake: MemoryLake, *results: GateResult) -> None:
    for one in results:
        GATE_RESULTS.append(SPEC.name, lake, quality._records(one, f"run{next(_runs)}"))


def shortened(results: list[GateResult]) -> list[GateResult]:
    return [one.model_copy(update={"checks": one.failures}) for one in results]


def test_it_says_what_the_whole_results_say() -> None:
    lake = MemoryLake()
    recorded(
        lake,
        result("raw", DAYS[0], False, True, True),  # refused, repaired
        result("raw", DAYS[0], True, True, False),
        result("features", DAYS[0], True, True),
        result("raw", DAYS[2], True, False),
    )
    history = GateHistory(SPEC, lake)
    assert history.periods() == [DAYS[0], DAYS[2]]
    assert history.of(DAYS) == shortened(quality.results(SPEC, lake))
    assert [one.passed for one in history.of(DAYS, "raw")] == [False, True, True]
    assert history.of(DAYS, "features") == shortened(quality.results(SPEC, lake, gate="features"))


def test_what_is_added_comes_after_what_was_read_and_nothing_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = MemoryLake()
    recorded(lake, result("raw", DAYS[0], True, True))
    history = GateHistory(SPEC, lake)
    added = [result("raw", DAYS[0], False, True), result("raw", DAYS[1], True, False)]
    for one in added:
        history.add(one)
    monkeypatch.setattr(MemoryLake, "select", None)
    monkeypatch.setattr(MemoryLake, "periods", None)
    assert history.periods() == [*DAYS[:2]]
    assert history.of(DAYS) == shortened([result("raw", DAYS[0], True, True), *added])


def test_without_a_table_nothing_was_said() -> None:
    history = GateHistory(SPEC, MemoryLake())
    assert (history.periods(), history.of(DAYS)) == ([], [])
