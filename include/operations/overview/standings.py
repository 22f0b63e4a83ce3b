"""How every figure of a window stands: beyond its limit, to be watched, within, or not judged.

A figure is *beyond* when it is above a limit that an alert or a decision looks at, and above what chance alone reaches.
It is *watched* when chance does not explain it and no decision follows from it alone. What has too few rows, labels
that are not due, or one value only is *not judged*, whatever its value.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from include.contracts.operations import Figure
from include.operations.drift.limits import COLUMN_FAULTS, SKEWED_SHARE
from include.operations.windows.maturity import UNMATCHED_SHARE
from include.operations.windows.windows import CALIBRATION_INTERCEPT, CALIBRATION_SLOPE
from include.specification.usecase import UseCase

Standing = Literal["beyond", "watched", "within", "not judged"]
Group = Literal[
    "quality", "estimate", "drift", "columns", "answers", "calibration", "skew", "slices", "concept", "attribution",
    "labels", "serving",
]  # fmt: skip
ORDER: tuple[Standing, ...] = ("beyond", "watched", "not judged", "within")
"""The worst first: a group stands as its worst figure."""


@dataclass(frozen=True)
class Judged:
    """A figure with the limit that it is held against (None: what chance alone reaches) and how it stands."""

    figure: Figure
    group: Group
    limit: float | None
    standing: Standing


@dataclass(frozen=True)
class Counts:
    """How many figures of a group stand how."""

    group: Group
    beyond: int
    watched: int
    within: int
    not_judged: int

    @property
    def total(self) -> int:
        return self.beyond + self.watched + self.within + self.not_judged

    @property
    def standing(self) -> Standing:
        """Of the worst of its figures; where most are not judged and none is beyond, the group is not."""
        if self.beyond or self.watched:
            return "beyond" if self.beyond else "watched"
        return "within" if self.within else "not judged"


def judged(spec: UseCase, figures: Iterable[Figure]) -> list[Judged]:
    """The figures of one release in one window that are judged at all, in their order."""
    rules = _rules(spec)
    every = list(figures)
    known = {one.name: one for one in every if not one.subject}
    found = [_judged(rules[key], one, known) for one in every if (key := _key(spec, one)) in rules]
    return [one for one in found if one is not None]


def counts(found: Sequence[Judged]) -> list[Counts]:
    """Of each group that has figures."""
    by_group: dict[Group, Counter[str]] = {}
    for one in found:
        by_group.setdefault(one.group, Counter())[one.standing] += 1
    return [
        Counts(group, of["beyond"], of["watched"], of["within"], of["not judged"]) for group, of in by_group.items()
    ]


@dataclass(frozen=True)
class _Rule:
    """When a figure is beyond (``asks``) or watched (not); ``off`` says of which value that is."""

    group: Group
    asks: bool
    limit: float | None
    off: Callable[[Figure, dict[str, Figure]], bool]


def _key(spec: UseCase, figure: Figure) -> str:
    """The name of the figure; of what is judged of a feature and not of the whole, or the other way round, ''."""
    if figure.name in COLUMN_FAULTS and not figure.subject:
        return ""
    return "attribution of" if figure.name == "attribution_drift" and figure.subject else figure.name


def _judged(rule: _Rule, figure: Figure, known: dict[str, Figure]) -> Judged | None:
    standing: Standing = "within"
    if figure.state != "judged":
        standing = "not judged"
    elif rule.off(figure, known):
        standing = "beyond" if rule.asks else "watched"
    return Judged(figure, rule.group, rule.limit, standing)


def _rules(spec: UseCase) -> dict[str, _Rule]:
    drift, loss = spec.monitoring.drift_threshold, spec.monitoring.performance_loss
    return {
        "performance_loss": _Rule("quality", True, loss, lambda f, _: f.value > loss and (f.low or 0.0) > 0),
        "gain_over_replaced": _Rule("quality", True, 0.0, lambda f, _: f.high is not None and f.high < 0),
        "estimated_loss": _Rule("estimate", True, loss, lambda f, _: f.value > loss and (f.low or 0.0) > 0),
        "psi": _Rule("drift", True, drift, lambda f, _: f.beyond(drift)),
        "psi_window_before": _Rule("drift", False, drift, lambda f, _: f.beyond(drift)),
        "psi_last_season": _Rule("drift", False, drift, lambda f, _: f.beyond(drift)),
        **{name: _Rule("columns", True, limit, _fault(limit)) for name, limit in COLUMN_FAULTS.items()},
        "prediction_psi": _Rule("answers", False, drift, lambda f, _: f.beyond(drift)),
        "prediction_psi_window_before": _Rule("answers", False, drift, lambda f, _: f.beyond(drift)),
        "prediction_psi_last_season": _Rule("answers", False, drift, lambda f, _: f.beyond(drift)),
        "calibration_error": _Rule("calibration", False, None, lambda f, _: f.floor is not None and not f.is_noise),
        CALIBRATION_SLOPE: _Rule("calibration", False, 1.0, lambda f, _: _excludes(f, 1.0)),
        CALIBRATION_INTERCEPT: _Rule("calibration", False, 0.0, lambda f, _: _excludes(f, 0.0)),
        "feature_skew": _Rule("skew", True, SKEWED_SHARE, lambda f, _: f.beyond(SKEWED_SHARE)),
        "slices_beyond": _Rule("slices", False, 0.0, lambda f, _: f.value > 0),
        "concept_drift": _Rule("concept", False, 0.0, lambda f, _: f.value > 0),
        "attribution_drift": _Rule("attribution", False, None, lambda f, _: f.floor is not None and not f.is_noise),
        "unmatched": _Rule("labels", True, UNMATCHED_SHARE, _missing),
        "latency_p99_ms": _Rule("serving", False, spec.rollout.abort.max_p99_ms, _above(spec.rollout.abort.max_p99_ms)),
        "unavailable": _Rule("serving", False, 0.0, lambda f, _: f.value > 0),
        "unlogged": _Rule("serving", False, 0.0, lambda f, _: f.value > 0),
    }


def _fault(limit: float) -> Callable[[Figure, dict[str, Figure]], bool]:
    return lambda figure, _: figure.value > limit and (figure.low is None or figure.low > 0)


def _above(limit: float) -> Callable[[Figure, dict[str, Figure]], bool]:
    return lambda figure, _: figure.value > limit


def _excludes(figure: Figure, value: float) -> bool:
    return figure.low is not None and figure.high is not None and not figure.low <= value <= figure.high


def _missing(figure: Figure, known: dict[str, Figure]) -> bool:
    """More of the labels that are due never came than may."""
    due = figure.value + (known["labelled"].value if "labelled" in known else 0.0)
    return due > 0 and figure.value > UNMATCHED_SHARE * due
