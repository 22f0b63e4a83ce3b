"""Two registered versions beside each other: data, parameters, metrics, slices and what their answers depend on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from include.contracts.calendar import Calendar, Span
from include.contracts.development import DatasetRef, RegisteredVersion
from include.contracts.period import Period, ranges

PARTS = ("train", "validation", "test")
PROOF = "proof_test_"
"""Before a metric of a refit: it is that of its proof on the test set, which the refit has learned from."""
OWN = ("refit_of", "early_stopping_rounds")
"""Parameters that a refit has for itself: it is named after its proof, and no rows are left to stop it early."""
MOST_FEATURES, MOST_SLICES = 12, 10


@dataclass(frozen=True)
class Side:
    """A version with those of its documents that could be read; of a refit ``proof`` is the model that was judged."""

    registered: RegisteredVersion
    proof: RegisteredVersion | None = None
    dataset: DatasetRef | None = None
    importance: list[dict[str, Any]] = field(default_factory=list)
    slices: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_refit(self) -> bool:
        return "refit_of" in self.registered.tags

    def metric(self, name: str) -> float | None:
        """On its own test set; of a refit that of its proof."""
        metrics = self.registered.metrics
        return metrics.get(f"test_{name}", metrics.get(f"{PROOF}{name}"))


class Both(NamedTuple):
    """One line of a comparison; None where a version does not have it."""

    name: str
    a: Any
    b: Any

    @property
    def differs(self) -> bool:
        return bool(self.a != self.b)


class Run(NamedTuple):
    """Successive periods in one part of a dataset: places where the first begins and the last ends, on the axis."""

    part: str
    first: Period
    last: Period
    begins: float
    ends: float


def together(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Both]:
    """Every name of both, those that differ first."""
    lines = [Both(name, a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b])]
    return sorted(lines, key=lambda line: not line.differs)


def metrics(a: Side, b: Side, names: Iterable[str]) -> list[Both]:
    """The metrics that one of them has, in this order."""
    lines = [Both(name, a.metric(name), b.metric(name)) for name in names]
    return [line for line in lines if (line.a, line.b) != (None, None)]


def shares(a: Side, b: Side) -> list[Both]:
    """The share that each feature has in the explanation of the answers, the largest first."""
    of = [{str(one["feature"]): float(one["share"]) for one in side.importance} for side in (a, b)]
    lines = [Both(name, of[0].get(name), of[1].get(name)) for name in dict.fromkeys([*of[0], *of[1]])]
    return sorted(lines, key=lambda line: -max(line.a or 0.0, line.b or 0.0))[:MOST_FEATURES]


def slices(a: Side, b: Side, metric: str) -> list[Both]:
    """The metric by slice, as (value, low, high, rows), of slices that one of them measured, the largest first."""
    of = [{_named(one): line for one in side.slices if (line := _slice(one, metric))} for side in (a, b)]
    lines = [Both(name, of[0].get(name), of[1].get(name)) for name in dict.fromkeys([*of[0], *of[1]])]
    return sorted(lines, key=lambda line: -max(one[3] for one in (line.a, line.b) if one))[:MOST_SLICES]


def _named(one: Mapping[str, Any]) -> str:
    return f"{one['column']}={one['value']}"


def _slice(one: Mapping[str, Any], metric: str) -> tuple[float, float, float, int] | None:
    value, interval = one.get("metrics", {}).get(metric), one.get("intervals", {}).get(metric)
    return (value, interval[0], interval[1], int(one["n"])) if value is not None and interval else None


def axis(*datasets: DatasetRef | None) -> list[Period]:
    """Every period from the first to the last of any part of any of them."""
    periods = [p for one in datasets if one for part in PARTS for p in getattr(one, part).periods]
    return Period.between(min(periods), max(periods)) if periods else []


def runs(side: Side, places: Mapping[Period, int], calendar: Calendar) -> list[Run]:
    """What each part holds, as runs of successive periods; one that is cut within a period begins or ends there."""
    dataset = side.dataset
    if dataset is None:
        return []
    cut, shared = (validates_late(side, calendar), min(dataset.validation.periods, default=None))
    return [
        Run(
            part, run[0], run[-1],
            places[run[0]] + (cut if part == "validation" and run[0] == shared else 0),
            places[run[-1]] + (cut if cut and part == "train" and run[-1] == shared and not dataset.refit_of else 1),
        )
        for part in PARTS
        for run in ranges(getattr(dataset, part).periods)
    ]  # fmt: skip


def validates_for(side: Side) -> Span | None:
    """How long the time is that validates, before the test part; None where it is no time, or whole periods."""
    parameters, dataset = side.registered.parameters, side.dataset
    if dataset is None or dataset.validates_from or parameters.get("split.by") != "time":
        return None
    return Span(parameters["split.validation"]) if "split.validation" in parameters else None


def validates_late(side: Side, calendar: Calendar) -> float:
    """The share of the first period that validates which is over when the validation begins; 0: it does from its start.

    The length is counted from the end of the last such period, where its last labelled row is.
    """
    length, periods = validates_for(side), side.dataset.validation.periods if side.dataset else []
    if length is None or not periods:
        return 0.0
    begins, first = length.before(calendar.end(max(periods)), calendar.timezone), min(periods)
    start, end = calendar.start(first), calendar.end(first)
    return (begins - start) / (end - start) if start < begins < end else 0.0


def refitted(side: Side) -> list[Both]:
    """The parameters in which a refit differs from its proof: as a rule the length of the fit alone."""
    if side.proof is None:
        return []
    lines = together(side.proof.parameters, side.registered.parameters)
    return [line for line in lines if line.differs and line.name not in OWN]


def rewritten(a: DatasetRef, b: DatasetRef) -> list[Both]:
    """Periods that both have read, each from another snapshot."""
    read = b.snapshots
    return [Both(p, name, read[p]) for p, name in a.snapshots.items() if p in read and read[p] != name]
