"""Cells, gates and verdicts of the four comparisons."""

from typing import Literal

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record


class Interval(Record):
    """A figure with its confidence interval, of ``n`` rows that say as much as ``effective_n`` independent ones."""

    value: float
    low: float
    high: float
    n: int
    effective_n: int | None = None


class Cell(Record):
    """One of the four comparisons, on one metric."""

    name: Literal["A", "B", "C", "D"]
    model: Literal["champion", "candidate"]
    test_set: Literal["old", "new"]
    metric: str
    figure: Interval


class GateOutcome(Record):
    """One rule of the evaluation, its result and the figures it was decided on."""

    gate: str
    passed: bool
    detail: str


Decision = Literal["promote", "canary", "ask_human", "keep_champion", "data_problem"]


class Look(Record):
    """One contender of an evaluation with an ensemble, judged by the same rule as the other."""

    who: Literal["candidate", "ensemble"]
    decision: Decision
    rule: str
    cells: list[Cell]
    gates: list[GateOutcome]


class Verdict(Record):
    """The decision of a retrain evaluation, with its reason.

    ``candidate`` is the version that it is on: with the ``contender`` ensemble that of the average of the versions
    ``members``. ``other`` is the contender that was not chosen, ``ensemble_gain`` the ensemble's over the candidate.
    ``windows`` are the times whose rows the old and the new test set pool.
    """

    usecase: str
    decision: Decision
    rule: str
    reason: str
    candidate: int
    champion: int | None
    champion_release: str | None
    cells: list[Cell]
    differences: dict[str, Interval]
    gates: list[GateOutcome]
    self_test: str
    decided_at: Moment
    contender: Literal["candidate", "ensemble"] = "candidate"
    members: list[int] = []
    ensemble_gain: Interval | None = None
    other: Look | None = None
    windows: dict[Literal["old", "new"], str] = {}


class RecordedVerdict(Record):
    """Every verdict of the four comparisons."""

    period: Period
    decided_at: Moment = Field(description="when it was decided, UTC")
    record: Verdict = Field(description="cells, gates and reason, JSON")
