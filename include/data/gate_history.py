"""What the gates said of periods before: read once, however many periods a run has."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.period import Period
from include.contracts.quality import CheckOutcome, CheckRecord, GateResult
from include.ports.lake import Lake
from include.records.registry import GATE_RESULTS
from include.specification.usecase import UseCase

Gate = Literal["raw", "features"]
OUTCOME = set(CheckOutcome.model_fields)


class GateHistory:
    """Results of one use case, in short: of their checks those that failed only.

    ``add`` what this run finds; what others find meanwhile is not seen.
    """

    def __init__(self, spec: UseCase, lake: Lake) -> None:
        self._usecase, self._lake = spec.name, lake
        self._periods: set[Period] | None = None
        self._known: dict[Period, list[GateResult]] = {}

    def periods(self) -> list[Period]:
        """Periods that a gate checked, sorted."""
        if self._periods is None:
            self._periods = set(GATE_RESULTS.periods(self._usecase, self._lake))
        return sorted(self._periods)

    def of(self, periods: Collection[Period], gate: Gate | None = None) -> list[GateResult]:
        """The results of these periods, by period, each in the order of evaluation; of one gate, or of both."""
        there = {*self.periods()} & {*periods}
        if left := [period for period in sorted(there) if period not in self._known]:
            self._known |= self._read(left)
        every = [result for period in sorted(there) for result in self._known[period]]
        return [result for result in every if gate in (None, result.gate)]

    def add(self, result: GateResult) -> None:
        """One that was just found, after what is known of its period."""
        before = self.of([result.period])
        self._known[result.period] = [*before, result.model_copy(update={"checks": result.failures})]
        self._periods = {*self.periods(), result.period}

    def _read(self, periods: list[Period]) -> dict[Period, list[GateResult]]:
        rows = GATE_RESULTS.ordered(self._usecase, self._lake, periods=periods)
        results: dict[Period, list[GateResult]] = {period: [] for period in periods}
        for result in short(self._usecase, rows):
            results[result.period].append(result)
        return results


def short(usecase: str, rows: pa.Table) -> Iterable[GateResult]:
    """The evaluations that these rows of ``gate_results`` are of, in their order, with the checks that failed."""
    failed = GATE_RESULTS.records(rows.filter(pc.invert(pc.fill_null(rows["passed"], False))))
    of_evaluation: defaultdict[str, list[CheckRecord]] = defaultdict(list)
    for check in failed:
        of_evaluation[check.evaluation].append(check)
    counts: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in rows.select(["evaluation", "gate", "period", "table", "rows"]).to_pylist():
        counts.setdefault((row["evaluation"], row["gate"], row["period"]), {})[row["table"]] = row["rows"]
    for (evaluation, gate, period), tables in counts.items():
        yield result_of(usecase, gate, Period(period), tables, of_evaluation[evaluation])


def result_of(
    usecase: str, gate: str, period: Period, rows: Mapping[str, int], records: Iterable[CheckRecord]
) -> GateResult:
    """One evaluation, of its records; ``rows`` by table."""
    checks = [CheckOutcome(**check.model_dump(include=OUTCOME)) for check in records]
    return GateResult.model_validate(
        {"usecase": usecase, "gate": gate, "period": period, "rows": rows, "checks": checks}
    )
