"""Quality of answers: metrics with intervals, calibration, labels, and the loss against the release's test set."""

from collections.abc import Mapping

import numpy as np

from include.contracts.evaluation import Interval
from include.contracts.operations import Figure
from include.errors import DataError, EvaluationError, UndefinedMetricError
from include.evaluation.bootstrap import Resampled, paired
from include.evaluation.calibration import recalibrated
from include.evaluation.calibration_noise import calibration_floor
from include.evaluation.inputs import CLASS_ROWS
from include.evaluation.metrics import calibration_error, direction, score, undefined
from include.families.registry import family
from include.families.serving import logged_scores
from include.operations.performance.losses import is_breach
from include.operations.windows.scope import Scope
from include.operations.windows.states import lack, of_labels, too_few
from include.operations.windows.window import Window
from include.operations.windows.windows import RECALIBRATED_ERROR
from include.specification.usecase import UseCase

ROWS = 2 * CLASS_ROWS  # fewer labelled rows, and nothing is measured; of one class alone, no ranking metric


def quality(window: Window) -> list[Figure]:
    """Metrics, calibration error and what a recalibration would make of it, what the labels are, and the loss.

    Of the loss against the baseline also whether it is a breach; a metric without a value is ``not_measured``, with the
    reason. Of too few blocks the intervals are by rows, and nothing is a breach.
    """
    scope, known = window.scope, window.known
    spec = scope.spec
    if len(known) < ROWS:
        rows = "labelled rows" if spec.event.label else "rows"
        why = f"needs {ROWS} {rows}, has {len(known)}"
        return of_labels(window, _not_measured(scope, dict.fromkeys(spec.metrics.names, why), len(known)))
    y, scores = family(spec).truth(spec, known), logged_scores(spec, known)
    reasons = _reasons(spec, y, scores)
    drawn = _drawn(window, y, {"release": scores}, [m for m in spec.metrics.names if not reasons[m]])
    intervals, unclear = _intervals(drawn)
    figures = too_few([scope.interval(m, interval) for m, interval in intervals.items()], lack(window.known_blocks))
    figures += _not_measured(scope, reasons | unclear, len(y))
    if family(spec).facts.probabilities:
        figures += _calibration(window, y, scores, next(iter(intervals), None))
    figures += _of_truth(window, y)
    return of_labels(window, figures + _losses(window, intervals))


def counterfactual(window: Window) -> list[Figure]:
    """The primary metric that the other releases that were rescored would have had on the same rows.

    Of the release that served it is said how much better it was than the one that it replaced, which is the one that
    was rescored, and whether it was surely worse: of too few blocks never.
    """
    scope, known, rescored = window.scope, window.known, window.rescored
    spec, primary = scope.spec, scope.spec.metrics.primary
    if not rescored or len(known) < ROWS:
        return []
    y, served = family(spec).truth(spec, known), logged_scores(spec, known)
    if _reasons(spec, y, served)[primary]:
        return []
    enough = window.known_blocks.enough
    drawn = _drawn(window, y, {**rescored, scope.release: served}, [primary])
    name, figures = f"counterfactual_{primary}", list[Figure]()
    for other in rescored:
        gain = drawn.gain(primary, scope.release, other)
        figures.append(Scope(spec, other, scope.period).interval(name, drawn.interval(primary, other)))
        figures.append(scope.interval("gain_over_replaced", gain))
        figures.append(scope.figure("worse_than_replaced", enough and gain.high < 0, n=gain.n))
    return of_labels(window, too_few(figures, lack(window.known_blocks)))


def _drawn(window: Window, y: np.ndarray, models: Mapping[str, np.ndarray], metrics: list[str]) -> Resampled:
    """By blocks, where they are enough, else by rows."""
    scope, limits = window.scope, window.spec.comparison
    blocks = window.known_blocks if window.known_blocks.enough else None
    try:
        return paired(y, models, metrics, limits.resamples, limits.confidence, seed=window.seed, blocks=blocks)
    except EvaluationError as error:
        raise DataError(f"predictions of {scope.release} in {scope.period}: {error}") from error


def _intervals(drawn: Resampled) -> tuple[dict[str, Interval], dict[str, str]]:
    """Metric → its interval, and metric → why it has none: a class is in so few blocks that many draws lack it."""
    intervals, unclear = dict[str, Interval](), dict[str, str]()
    for metric, model in drawn.points:
        try:
            intervals[metric] = drawn.interval(metric, model)
        except UndefinedMetricError as error:
            unclear[metric] = str(error)
    return intervals, unclear


def _reasons(spec: UseCase, y: np.ndarray, scores: np.ndarray) -> dict[str, str]:
    """Metric, primary first → why these rows are not enough for it; '' where they are."""
    kind, counts = family(spec), family(spec).class_rows(spec, y)
    few = [f"{n} of {name!r}" for name, n in counts.items() if n < CLASS_ROWS]
    why = f"needs {CLASS_ROWS} labelled rows of each class, has {' and '.join(few)}" if few else ""
    return {m: (why if m in kind.every_class else "") or undefined(m, y, scores) for m in spec.metrics.names}


def _not_measured(scope: Scope, reasons: Mapping[str, str], rows: int) -> list[Figure]:
    """The labelled rows, of each metric that has a reason not to be measured on them."""
    figures = [scope.figure("not_measured", rows, m, rows, note=why) for m, why in reasons.items() if why]
    return [figure.model_copy(update={"state": "too few"}) for figure in figures]


def _of_truth(window: Window, y: np.ndarray) -> list[Figure]:
    """What the labels are: shares and means with their intervals."""
    scope, spec, figures = window.scope, window.spec, list[Figure]()
    for name, value, subject in family(spec).label_figures(spec, y):
        figure = scope.figure(name, value, subject, len(y))
        if name in ("label_rate", "label_mean"):
            figure = window.mean(name, y, window.known_blocks)
        elif name == "label_share":
            figure = window.mean(name, y == spec.event.classes.index(subject), window.known_blocks, subject)
        figures.append(figure)
    return too_few(figures, lack(window.known_blocks))


def _calibration(window: Window, y: np.ndarray, scores: np.ndarray, metric: str | None) -> list[Figure]:
    """The calibration error and what a recalibration on these rows would leave of it, each with its noise floor.

    Of the first ``metric`` what it would be if it were recalibrated.
    """
    scope, figures = window.scope, [_calibration_error(window, "calibration_error", y, scores)]
    if metric is None or (answers := recalibrated(scope.spec, window.known, scores, y)) is None:
        return figures
    figures.append(_calibration_error(window, RECALIBRATED_ERROR, y, answers))
    return [*figures, scope.figure(f"recalibrated_{metric}", score(metric, y, answers), n=len(y))]


def _calibration_error(window: Window, name: str, y: np.ndarray, scores: np.ndarray) -> Figure:
    chance = 1 - window.spec.comparison.confidence
    floor, effective = calibration_floor(y, scores, window.known_blocks, chance)
    figure = window.scope.figure(name, calibration_error(y, scores), n=len(y), floor=floor)
    return figure.model_copy(update={"effective_n": effective})


def _losses(window: Window, intervals: Mapping[str, Interval]) -> list[Figure]:
    """The loss of the primary metric against the baseline, and whether it is a breach: of too few blocks never."""
    baseline, primary = window.baseline["metrics"], window.spec.metrics.primary
    if primary not in intervals or primary not in baseline:
        return []
    was = Interval.model_validate(baseline[primary]).value
    return too_few(_loss(window, was, intervals[primary]), lack(window.known_blocks))


def _loss(window: Window, was: float, now: Interval) -> list[Figure]:
    """In units of the primary metric; positive is worse, whatever its direction."""
    scope, spec, sign = window.scope, window.spec, direction(window.spec.metrics.primary)
    loss = sign * (was - now.value)
    low, high = sorted((sign * (was - now.low), sign * (was - now.high)))
    breached = window.known_blocks.enough and is_breach(loss, low, spec.monitoring.performance_loss)
    figure = Interval(value=loss, low=low, high=high, n=now.n, effective_n=now.effective_n)
    return [scope.interval("performance_loss", figure), scope.figure("breached", breached, n=now.n)]
