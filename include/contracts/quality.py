"""Checks of a quality gate and their results."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record

EXISTS = "expect_column_to_exist"
GATES = ("raw", "features")


def suite_file(usecase: str, gate: str, table: str) -> str:
    """Name of the file with the expectations of a table at a gate."""
    return f"{usecase}_{gate}_{table}.json"


def suite_files(directory: Path, usecase: str) -> list[Path]:
    """The suites of a use case in ``directory``, and of no other whose name begins like its own."""
    return sorted(file for gate in GATES for file in directory.glob(suite_file(usecase, gate, "*")))


class CheckOutcome(Record):
    """The result of one expectation; ``broken``: it could not be evaluated, so the data may be good or bad."""

    check: str = Field(default="", description="name of the expectation in its suite")
    table: str = Field(description="table that was checked")
    expectation: str = Field(description="kind of expectation")
    column: str | None = Field(description="column that was checked; empty for the table")
    dimension: str = Field(default="", description="completeness, consistency, accuracy, freshness, volume or schema")
    severity: Literal["block", "warn"] = Field(description="block stops publication, warn does not")
    unexpected: int = Field(default=0, description="rows that failed it")
    rows: int = Field(description="rows of the table")
    passed: bool = Field(default=False, description="whether it passed")
    broken: bool = Field(default=False, description="whether it could not be evaluated")
    detail: str = Field(default="", description="counts in words")


class Evaluation(Record):
    """Where a recorded check belongs: one evaluation of a gate on a period."""

    period: Period
    gate: Literal["raw", "features"] = Field(description="raw: before processing; features: before publication")
    run: str = Field(description="run of the data pipeline")
    evaluation: str = Field(description="id of the evaluation")
    position: int = Field(description="position of the expectation in the evaluation")


class CheckRecord(CheckOutcome, Evaluation):
    """Every evaluation of a quality gate, one row per expectation."""

    evaluated_at: Moment = Field(description="when the gate ran, UTC")


class Check(Record):
    """One expectation of a suite, its parameters filled in; ``kwargs`` are what Great Expectations takes."""

    id: str
    type: str
    table: str
    severity: Literal["block", "warn"]
    dimension: str
    kwargs: dict[str, Any]
    notes: str = ""
    treated: bool = False
    """Of a column that privacy treats, it expects something of the treated form, not of the value in clear."""

    @property
    def columns(self) -> list[str]:
        """The columns that it looks at, in the order of the suite; [] for a check of the whole table."""
        pair = [self.kwargs[c] for c in ("column", "column_A", "column_B") if c in self.kwargs]
        return [*pair, *self.kwargs.get("column_list", [])]

    @property
    def condition_columns(self) -> list[str]:
        """The columns by which Great Expectations' ``row_condition`` chooses rows, and other words of such a text."""
        return list(_condition_words(self.kwargs.get("row_condition")))

    @property
    def place(self) -> str:
        return f"{self.table}.{', '.join(self.columns)}" if self.columns else self.table


def _condition_words(condition: object) -> Iterator[str]:
    if isinstance(condition, str):
        yield from re.findall(r"\w+", condition)
    elif isinstance(condition, dict):
        column = condition.get("column")
        yield from [str(column["name"])] if isinstance(column, dict) and "name" in column else []
        yield from _condition_words(list(condition.values()) if column is None else None)
    elif isinstance(condition, list):
        yield from (word for part in condition if not isinstance(part, str) for word in _condition_words(part))


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of a suite as Python's ``re`` reads it; raises ``re.error``. Of what Python may read otherwise one day
    (``[[:alpha:]]``) it does not warn: every engine reads it alike."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(pattern)


class GateResult(Record):
    """The result of a quality gate for one period at one point (``raw`` or ``features``)."""

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
        """Expectations that failed, including broken ones."""
        return [c for c in self.checks if not c.passed]

    @property
    def passed(self) -> bool:
        return not any(f.severity == "block" for f in self.failures)

    @property
    def summary(self) -> dict[str, Any]:
        """As JSON, with failed expectations only."""
        failures = [f.json_dict() for f in self.failures]
        return {**self.model_dump(exclude={"checks"}), "evaluated": self.evaluated, "failures": failures}


class TableOutcome(Record):
    """What the newest evaluation of a gate says of one table of one period."""

    period: Period
    gate: Literal["raw", "features"]
    table: str
    run: str
    evaluated_at: Moment
    rows: int
    expectations: int
    refused: int = 0
    """Blocking expectations that failed or could not be evaluated."""
    warned: int = 0
    failures: list[str] = []
    """The failed ones in words, those that block first."""

    @property
    def state(self) -> Literal["refused", "warned", "passed"]:
        return "refused" if self.refused else "warned" if self.warned else "passed"


class StandingWarning(Record):
    """A warning that fired in the newest ``periods`` periods, each of them, from ``since`` until ``until``."""

    usecase: str
    gate: Literal["raw", "features"]
    table: str
    column: str
    expectation: str
    check: str
    since: Period
    until: Period
    periods: int
    unexpected: int
    rows: int
    broken: bool

    @property
    def text(self) -> str:
        """Table, column, expectation and counts, in words."""
        place = f"{self.table}.{self.column}" if self.column else self.table
        seen = "could not be evaluated" if self.broken else f"last {self.unexpected} of {self.rows} rows"
        return (
            f"{self.gate} gate: {place}: {self.expectation} warns in each of {self.periods} periods, {self.since} to "
            f"{self.until} ({seen})"
        )


class QuarantinedRow(Record):
    """Rows that a gate refused, and the decisions on them; the newest decision on a row counts."""

    period: Period
    gate: str = Field(description="gate that refused it")
    table: str = Field(description="table it belongs to")
    row: str = Field(description="hash that identifies the row")
    reasons: str = Field(description="expectations that it failed")
    content: str = Field(description="the row, JSON")
    status: Literal["held", "released", "dropped", "repaired"]
    """``repaired``: it was held and is not in the data that passed."""
    decided_by: str | None = Field(default=None, description="login that decided")
    note: str | None = Field(default=None, description="reason of the decision")
    decided_at: Moment | None = Field(default=None, description="when it was decided, UTC")
    recorded_at: Moment = Field(description="when this was written, UTC")

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.period, self.gate, self.table, self.row
