"""Cells, gates and verdicts of the four comparisons."""

from typing import Literal, Self

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


class HeldFigure(Record):
    """What a gate held against its ``limit``: a figure called ``name``, with its interval where it has one.

    The limit is the least that passes, or with ``at_most`` the largest.
    """

    name: str
    value: float
    limit: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    effective_n: int | None = None
    at_most: bool = False

    @classmethod
    def of(cls, name: str, figure: Interval, limit: float, at_most: bool = False) -> Self:
        return cls(name=name, limit=limit, at_most=at_most, **figure.json_dict())


class GateOutcome(Record):
    """One rule of the evaluation, its result and the figures it was decided on.

    One that is not ``judged`` neither passes a candidate nor stops it; ``needed`` says with about how many rows it
    could be. ``held`` is what ``detail`` says, as numbers; gates of earlier versions, and those on no single figure,
    have none, and then it is not written, so that the digest of an earlier verdict stays what was signed.
    """

    gate: str
    passed: bool
    detail: str
    judged: bool = True
    needed: int | None = None
    held: HeldFigure | None = Field(default=None, exclude_if=lambda held: held is None)

    @property
    def vetoes(self) -> bool:
        return self.judged and not self.passed


class NetValue(Record):
    """What a release is expected to be worth: the sum of its ``parts``, gains and costs in units of the ``metric``."""

    metric: str
    total: float
    parts: dict[str, float]


class Sample(Record):
    """A test set: ``rows`` in ``blocks`` of a ``unit``, that say as much as ``effective_n`` independent rows."""

    rows: int
    unit: str
    blocks: int
    effective_n: int


class PartGain(Record):
    """The gain D-C in the primary metric in one part of the new test set, like a period of it."""

    part: str
    rows: int
    gain: float


class UselessReleases(Record):
    """At most so many releases ``a_year`` of candidates that gain nothing in truth, and how that is reckoned."""

    a_year: float
    arithmetic: str


Decision = Literal["promote", "canary", "ask_human", "keep_champion", "data_problem"]


class Look(Record):
    """One contender of an evaluation with an ensemble, judged by the same rule as the other."""

    who: Literal["candidate", "ensemble"]
    decision: Decision
    rule: str
    cells: list[Cell]
    gates: list[GateOutcome]
    probability: float | None = None
    net_value: NetValue | None = None


class Verdict(Record):
    """The decision of a retrain evaluation, with its reason.

    ``candidate`` is the version that it is on: with the ``contender`` ensemble that of the average of the versions
    ``members``. ``other`` is the contender that was not chosen, ``ensemble_gain`` the ensemble's over the candidate.
    ``windows`` are the times whose rows the old and the new test set pool, ``samples`` what they are worth.
    ``champion_proof`` is the version that the champion is the refit of, ``old_set`` the dataset of the old test set,
    which had judged ``old_set_judged`` other candidates as such. ``recalibrated_from`` is the version whose learned
    parameters the candidate has, when only its calibrator was fitted anew.
    ``probability`` is that of a gain, and ``probability_needed`` the least that releases. Without a champion, and in
    verdicts of earlier versions, there is neither that nor a net value.
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
    samples: dict[Literal["old", "new"], Sample] = {}
    probability: float | None = None
    probability_needed: float | None = None
    net_value: NetValue | None = None
    gain_by_part: list[PartGain] = []
    useless_releases: UselessReleases | None = None
    champion_proof: int | None = None
    old_set: str = ""
    old_set_judged: int = 0
    recalibrated_from: int | None = None


class RecordedVerdict(Record):
    """Every verdict of the four comparisons."""

    period: Period
    decided_at: Moment = Field(description="when it was decided, UTC")
    record: Verdict = Field(description="cells, gates and reason, JSON")
