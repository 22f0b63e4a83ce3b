"""Monitoring windows: the periods that are measured together, and which windows follow one another."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import takewhile

from include.contracts.operations import Figure, WindowFigures
from include.contracts.period import Period
from include.operations.windows.maturity import MOST_IMMATURE
from include.specification.usecase import UseCase

COUNTS = ("labelled", "unmatched", "not_due")
"""Figures that say how many labels of a window are there, are due and never came, are not due yet."""
RECALIBRATED_ERROR = "recalibrated_calibration_error"
CALIBRATION_INTERCEPT, CALIBRATION_SLOPE = "calibration_intercept", "calibration_slope"
OF_LABELS = (*COUNTS, "maturity", "not_measured", "calibration_error", RECALIBRATED_ERROR, CALIBRATION_INTERCEPT,
    CALIBRATION_SLOPE, "label_rate", "label_share",
    "label_mean", "label_std", "performance_loss", "breached", "breached_windows", "gain_over_replaced",
    "worse_than_replaced", "stated_gain", "gain_outside_spread", "slices_beyond", "concept_drift")  # fmt: skip
"""Figures that are measured on labels, besides the metrics."""


def pooled(spec: UseCase, period: Period) -> list[Period]:
    """The periods that are measured together as the window that ends with this one, oldest first."""
    return spec.calendar.last(spec.monitoring.window, period)


def _first(spec: UseCase, period: Period) -> Period:
    """The first of those."""
    return spec.calendar.first_of_last(spec.monitoring.window, period)


def ends(spec: UseCase, period: Period, count: int) -> list[Period]:
    """The last periods of ``count`` windows without overlap, oldest first; the newest ends with ``period``."""
    found = [period]
    while len(found) < count:
        found.append(_first(spec, found[-1]).shift(-1))
    return found[::-1]


def ends_of(spec: UseCase, period: Period) -> list[Period]:
    """The last periods of the ``monitoring.windows`` that a retrain decision in ``period`` looks at."""
    return ends(spec, period, spec.monitoring.windows.of)


def following(spec: UseCase, measured: Collection[Period], among: Iterable[Period]) -> list[Period]:
    """The last periods, among these, of windows that count one of the ``measured`` ones, which they are not."""
    wanted, last = set(measured), max(measured)
    later = ((end, ends_of(spec, end)) for end in sorted(set(among) - wanted) if end > min(measured))
    return [end for end, counted in takewhile(lambda of: of[1][0] <= last, later) if wanted & {*counted}]


def holding(spec: UseCase, periods: Collection[Period], among: Iterable[Period]) -> list[Period]:
    """The last periods, among these, of the windows that hold at least one of ``periods``; oldest first."""
    wanted = sorted(set(periods))
    later = ((end, _first(spec, end)) for end in sorted(set(among)) if end >= wanted[0])
    reached = takewhile(lambda window: window[1] <= wanted[-1], later)
    return [end for end, first in reached if bisect_left(wanted, first) < bisect_right(wanted, end)]


def maturing(spec: UseCase, measured: Sequence[Period]) -> list[Period]:
    """The newest of the sorted periods, and those before it of which some labels may not be due when it ends."""
    zone, end = spec.calendar.timezone, spec.calendar.end(measured[-1])
    begin = spec.event.lead.before(spec.event.label_delay.before(end, zone), zone)
    recent = [period for period in measured if spec.calendar.end(period) > begin]
    return [*measured[: len(measured) - len(recent)][-1:], *recent]


def judged(counts: Iterable[Figure], recent: Sequence[Period]) -> Period:
    """The newest of the recent windows most of whose labels are due; the newest of all when that is none."""
    totals = {period: Counter[str]() for period in recent}
    for figure in counts:
        totals[figure.period][figure.name] += int(figure.value)
    mature = [p for p, of in totals.items() if of["not_due"] <= MOST_IMMATURE * of.total()]
    return max(mature, default=recent[-1])


def shown(spec: UseCase, figures: Sequence[Figure], newest: Period, of_labels: Period) -> list[WindowFigures]:
    """What is shown of the newest window, and what labels say of the newest one whose labels are due."""
    told = [f"{kind}_{name}" for kind in ("counterfactual", "recalibrated") for name in spec.metrics.names]
    names = {*OF_LABELS, *spec.metrics.names, *told}
    parts = {
        "newest": (newest, [f for f in figures if f.period == newest and f.name not in names]),
        "judged": (of_labels, [f for f in figures if f.period == of_labels and f.name in names]),
    }
    return [
        WindowFigures(usecase=spec.name, window=window, end=spec.calendar.end(period), figures=part)
        for window, (period, part) in parts.items()
    ]
