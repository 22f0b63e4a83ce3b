"""What the first page shows of the windows of a use case: quality against its limit, drift, traffic by release."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.evaluation.metrics import direction
from include.specification.usecase import UseCase

OF_WINDOW = ("performance_loss", "breached", "drifted_features", "not_measured", "rows")
Named = Mapping[str, Figure]


@dataclass(frozen=True)
class WindowPoint:
    """A window as the release that answered most of its requests had it.

    ``limit`` is the value of the primary metric from which on its loss is a breach if it is surely one; None where the
    loss is not measured.
    """

    period: Period
    release: str
    metric: Figure | None
    limit: float | None
    breached: bool
    drifted: Figure | None
    rows: Mapping[str, int]


def names(spec: UseCase) -> list[str]:
    """The figures that are needed."""
    return [spec.metrics.primary, *OF_WINDOW]


def points(spec: UseCase, figures: Iterable[Figure]) -> list[WindowPoint]:
    """One point per window in which a release answered, oldest first."""
    by_period: defaultdict[Period, dict[str, Named]] = defaultdict(dict)
    for (period, release), mine in _by_release(figures).items():
        if "rows" in mine:
            by_period[period][release] = mine
    return [_point(spec, period, by_period[period]) for period in sorted(by_period)]


def newest(spec: UseCase, figures: Iterable[Figure], release: str) -> dict[str, Figure]:
    """Figures of the release by name, of its newest window; quality is of the newest window that is judged, if any."""
    of = [mine for (_, who), mine in sorted(_by_release(figures).items()) if who == release]
    if not of:
        return {}
    primary = spec.metrics.primary
    judged = [mine for mine in of if primary in mine and mine[primary].state == "judged"]
    if not judged:
        return dict(of[-1])
    quality = {name: figure for name, figure in judged[-1].items() if name in (primary, "performance_loss", "breached")}
    return {**{name: of[-1][name] for name in of[-1] if name in ("drifted_features", "rows")}, **quality}


def _by_release(figures: Iterable[Figure]) -> dict[tuple[Period, str], dict[str, Figure]]:
    found: defaultdict[tuple[Period, str], dict[str, Figure]] = defaultdict(dict)
    for figure in figures:
        found[figure.period, figure.release][figure.name] = figure
    return dict(found)


def _point(spec: UseCase, period: Period, by_release: Mapping[str, Named]) -> WindowPoint:
    rows = {release: int(mine["rows"].value) for release, mine in sorted(by_release.items())}
    most = max(rows, key=lambda release: (rows[release], release))
    mine = by_release[most]
    metric, drifted = mine.get(spec.metrics.primary), mine.get("drifted_features")
    breached = "breached" in mine and bool(mine["breached"].value)
    return WindowPoint(period, most, metric, _limit(spec, mine), breached, drifted, rows)


def _limit(spec: UseCase, mine: Named) -> float | None:
    """Baseline less what may be lost: the loss is baseline minus value, in the direction of the metric."""
    metric, loss = mine.get(spec.metrics.primary), mine.get("performance_loss")
    if metric is None or loss is None:
        return None
    return metric.value + direction(spec.metrics.primary) * (loss.value - spec.monitoring.performance_loss)


def current_limit(windows: Sequence[WindowPoint]) -> float | None:
    """The limit of the newest window that has one."""
    return next((point.limit for point in reversed(windows) if point.limit is not None), None)
