"""Two registered versions beside each other: data, parameters, metrics, slices and what their answers depend on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from include.contracts.development import DatasetRef, RegisteredVersion
from include.contracts.period import Period, ranges

PARTS = ("train", "validation", "test")
PROOF = "proof_test_"
"""Before a metric of a refit: it is that of its proof on the test set, which the refit has learned from."""
MOST_FEATURES, MOST_SLICES = 12, 10


@dataclass(frozen=True)
class Side:
    """A version with those of its documents that could be read."""

    registered: RegisteredVersion
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


class Span(NamedTuple):
    """Successive periods in one part of a dataset: places of the first and of the one after the last."""

    part: str
    first: Period
    last: Period
    begins: int
    ends: int


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


def spans(dataset: DatasetRef, places: Mapping[Period, int]) -> list[Span]:
    """What each part holds, as runs of successive periods."""
    return [
        Span(part, run[0], run[-1], places[run[0]], places[run[-1]] + 1)
        for part in PARTS
        for run in ranges(getattr(dataset, part).periods)
    ]


def rewritten(a: DatasetRef, b: DatasetRef) -> list[Both]:
    """Periods that both have read, each from another snapshot."""
    read = b.snapshots
    return [Both(p, name, read[p]) for p, name in a.snapshots.items() if p in read and read[p] != name]
