"""Checks of a quality gate and their results."""

from typing import Any, Literal

from include.contracts.period import Period
from include.contracts.record import Record

TELLING = ("row_count", "columns_to_match", "type_list", "mean", "value_count")


class CheckOutcome(Record):
    """What one expectation said; ``broken`` when it could not be evaluated, which says nothing about the data."""

    check: str = ""
    table: str
    expectation: str
    column: str | None
    dimension: str = ""
    severity: Literal["block", "warn"]
    unexpected: int = 0
    rows: int
    passed: bool = False
    broken: bool = False
    detail: str = ""


class Check(Record):
    """One expectation of a suite, its parameters filled in; ``kwargs`` are what Great Expectations takes."""

    id: str
    type: str
    table: str
    severity: Literal["block", "warn"]
    dimension: str
    kwargs: dict[str, Any]
    notes: str = ""

    @property
    def columns(self) -> list[str]:
        """The columns that it looks at, in the order of the suite; [] for a check of the whole table."""
        pair = [self.kwargs[c] for c in ("column", "column_A", "column_B") if c in self.kwargs]
        return [*pair, *self.kwargs.get("column_list", [])]

    @property
    def place(self) -> str:
        return f"{self.table}.{', '.join(self.columns)}" if self.columns else self.table

    def broken(self, rows: int, why: str) -> CheckOutcome:
        """It could not be evaluated."""
        return self.outcome(rows, broken=True, detail=f"the check broke: {why}")

    def judged(self, rows: int, unexpected: int, passed: bool, observed: Any = None) -> CheckOutcome:
        """It was evaluated; ``observed`` is shown when it is of the whole table, not a value of some row."""
        expected = [f"{k}={v}" for k, v in self.kwargs.items() if not k.startswith(("column", "batch"))]
        seen = f"observed {observed}" if any(word in self.type for word in TELLING) else ""
        detail = "; ".join(part for part in (", ".join(expected), seen, self.notes) if part)
        return self.outcome(rows, unexpected=unexpected, passed=passed, detail=detail)

    def outcome(self, rows: int, **said: Any) -> CheckOutcome:
        own = {"check": self.id, "table": self.table, "expectation": self.type, "dimension": self.dimension}
        column = ", ".join(self.columns) or None
        return CheckOutcome.model_validate({**own, "column": column, "severity": self.severity, "rows": rows, **said})


class GateResult(Record):
    """What a quality gate said of one period at one point (``raw`` or ``features``)."""

    usecase: str
    gate: Literal["raw", "features"]
    period: Period
    rows: dict[str, int]
    checks: list[CheckOutcome]

    @property
    def evaluated(self) -> int:
        return len(self.checks)

    @property
    def failures(self) -> list[CheckOutcome]:
        """Expectations that were not met, broken ones among them."""
        return [c for c in self.checks if not c.passed]

    @property
    def passed(self) -> bool:
        return not any(f.severity == "block" for f in self.failures)

    @property
    def summary(self) -> dict[str, Any]:
        """As JSON, with what was not met only."""
        failures = [f.json_dict() for f in self.failures]
        return {**self.model_dump(exclude={"checks"}), "evaluated": self.evaluated, "failures": failures}
