"""What the gates say of each table and period by their newest evaluation, and what that makes of the period."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.period import Period
from include.contracts.quality import TableOutcome
from include.data.gate_history import Gate
from include.ports.lake import Lake
from include.records.registry import GATE_RESULTS

State = Literal["quarantined", "refused", "warned", "passed", "not checked"]
ORDER: tuple[State, ...] = ("quarantined", "refused", "warned", "passed", "not checked")
"""The first that is true of a period is its state."""
KEY = ("period", "gate", "evaluation")
COUNTED = (*KEY, "run", "evaluated_at", "table", "rows", "passed")
FAILED = ("evaluation", "table", "expectation", "column", "severity", "unexpected", "rows", "broken")


def outcomes(usecase: str, lake: Lake, periods: Sequence[Period]) -> list[TableOutcome]:
    """Of these periods, by period, gate and table; the newest evaluation of a period and gate counts."""
    if not periods:
        return []
    there = GATE_RESULTS.rows(usecase, lake, periods=periods, columns=[*dict.fromkeys((*COUNTED, *FAILED))])
    return of_rows(there)


def of_rows(rows: pa.Table) -> list[TableOutcome]:
    """The same of rows of ``gate_results``."""
    newest = _newest(rows)
    counts = rows.group_by([*KEY, "table"]).aggregate(
        [("passed", "count"), ("rows", "max"), ("run", "max"), ("evaluated_at", "max")]
    )
    failed = _failed(rows)
    found = [
        _outcome(row, failed[row["evaluation"], row["table"]])
        for row in counts.to_pylist()
        if newest[row["period"], row["gate"]][1] == row["evaluation"]
    ]
    return sorted(found, key=lambda one: (one.period, one.gate != "raw", one.table))


def _newest(rows: pa.Table) -> dict[tuple[str, str], tuple[datetime, str]]:
    """Period and gate → when it was evaluated last, and the id of that evaluation."""
    last: dict[tuple[str, str], tuple[datetime, str]] = {}
    for row in rows.group_by(list(KEY)).aggregate([("evaluated_at", "max")]).to_pylist():
        key, at = (row["period"], row["gate"]), (row["evaluated_at_max"], row["evaluation"])
        last[key] = max(last.get(key, at), at)
    return last


def _failed(rows: pa.Table) -> Mapping[tuple[str, str], list[dict[str, Any]]]:
    """Evaluation and table → the checks that failed, blocking ones first."""
    failed: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows.filter(pc.invert(pc.fill_null(rows["passed"], False))).select(list(FAILED)).to_pylist():
        failed[row["evaluation"], row["table"]].append(row)
    return defaultdict(list, {k: sorted(found, key=lambda f: f["severity"] != "block") for k, found in failed.items()})


def _outcome(row: Mapping[str, Any], failed: Sequence[Mapping[str, Any]]) -> TableOutcome:
    refused = sum(one["severity"] == "block" for one in failed)
    return TableOutcome(
        period=Period(row["period"]), gate=row["gate"], table=row["table"], run=row["run_max"],
        evaluated_at=row["evaluated_at_max"], rows=row["rows_max"] or 0, expectations=row["passed_count"],
        refused=refused, warned=len(failed) - refused, failures=[_words(one) for one in failed],
    )  # fmt: skip


def _words(failed: Mapping[str, Any]) -> str:
    place = f"{failed['column']}: " if failed["column"] else ""
    counts = "could not be evaluated" if failed["broken"] else f"{failed['unexpected']:,} of {failed['rows']:,} rows"
    return f"{place}{failed['expectation']}, {counts}"


class PeriodState(NamedTuple):
    """A period, what became of it at the gates, and the outcomes that say so."""

    period: Period
    state: State
    outcomes: tuple[TableOutcome, ...] = ()
    held: int = 0
    """Rows that wait in quarantine for a decision."""

    @property
    def failures(self) -> list[str]:
        return [f"{one.gate} {one.table}: {failure}" for one in self.outcomes for failure in one.failures]

    @property
    def gates(self) -> "list[PeriodState]":
        """The same of each gate by itself, in their order."""
        of = [tuple(one for one in self.outcomes if one.gate == gate) for gate in get_args(Gate)]
        return [PeriodState(self.period, _state(found, 0), found) for found in of if found]


def states(periods: Iterable[Period], found: Iterable[TableOutcome], held: Mapping[Period, int]) -> list[PeriodState]:
    """The state of each period, in their order; ``held`` are the rows in quarantine that nobody decided about."""
    of: defaultdict[Period, list[TableOutcome]] = defaultdict(list)
    for one in found:
        of[one.period].append(one)
    return [PeriodState(p, _state(of[p], held.get(p, 0)), tuple(of[p]), held.get(p, 0)) for p in periods]


def _state(found: Sequence[TableOutcome], held: int) -> State:
    there = {one.state for one in found} | ({"quarantined"} if held else set()) | {"not checked"}
    return next(state for state in ORDER if state in there)
