"""Warnings that stand: a warning that fires in period after period says nothing new, and hides those that do."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from include.contracts.period import Every, Period
from include.contracts.quality import CheckOutcome, GateResult, StandingWarning

STANDING: dict[Every, int] = {"hour": 24, "day": 7, "week": 3, "month": 3}
"""Periods in a row, up to the newest one, from which on a warning stands."""
LOOKED_BACK = 4
"""Times as many periods are looked at."""


def standing_warnings(results: Sequence[GateResult]) -> list[StandingWarning]:
    """Warnings that fired in each of the newest periods of a gate: in ``STANDING`` of them or more.

    ``results`` are of one use case, in the order of evaluation; the last evaluation of a period and gate counts.
    """
    newest: dict[str, dict[Period, GateResult]] = {}
    for result in results:
        newest.setdefault(result.gate, {})[result.period] = result
    gates = [[by_period[p] for p in sorted(by_period, reverse=True)] for by_period in newest.values()]
    return [warning for newest_first in gates for warning in _of_gate(newest_first)]


def _of_gate(newest_first: list[GateResult]) -> Iterator[StandingWarning]:
    now = newest_first[0]
    for warning in _warnings(now):
        fired = _in_a_row(warning, newest_first)
        if len(fired) >= STANDING[now.period.every]:
            yield StandingWarning(
                usecase=now.usecase, gate=now.gate, table=warning.table, column=warning.column or "",
                expectation=warning.expectation, check=warning.check, since=fired[-1], until=now.period,
                periods=len(fired), unexpected=warning.unexpected, rows=warning.rows, broken=warning.broken,
            )  # fmt: skip


def _in_a_row(warning: CheckOutcome, newest_first: list[GateResult]) -> list[Period]:
    fired = takewhile(lambda result: any(_same(warning, other) for other in _warnings(result)), newest_first)
    return [result.period for result in fired]


def _warnings(result: GateResult) -> list[CheckOutcome]:
    return [failure for failure in result.failures if failure.severity == "warn"]


def _same(one: CheckOutcome, other: CheckOutcome) -> bool:
    return (one.table, one.check, one.expectation, one.column) == (
        other.table, other.check, other.expectation, other.column,
    )  # fmt: skip
