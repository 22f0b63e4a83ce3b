"""Quality of answers: metrics with intervals, calibration, labels, and the loss against the release's test set."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from include.contracts.evaluation import Interval
from include.contracts.operations import Figure
from include.errors import DataError, EvaluationError
from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import Resampled, paired
from include.evaluation.calibration import recalibrated
from include.evaluation.inputs import CLASS_ROWS
from include.evaluation.metrics import calibration_error, direction, score, undefined
from include.families.registry import family
from include.families.serving import logged_scores
from include.operations.losses import is_breach
from include.operations.scope import Scope
from include.operations.window import Window
from include.operations.windows import RECALIBRATED_ERROR
from include.specification.usecase import UseCase

ROWS = 2 * CLASS_ROWS  # fewer labelled rows, and nothing is measured; of one class alone, no ranking metric


def quality(window: Window) -> list[Figure]:
    """Metrics, calibration error and what a recalibration would make of it, what the labels are, and the loss.

    Of the loss against the baseline also whether it is a breach.
    """
    scope, baseline, known = window.scope, window.baseline, window.known
    spec, primary = scope.spec, scope.spec.metrics.primary
    if len(known) < ROWS:
        return []
    y, scores = family(spec).truth(spec, known), logged_scores(spec, known)
    metrics = _measurable(spec, y, scores)
    if not metrics:
        return []
    drawn = _drawn(window, y, {"release": scores}, metrics)
    figures = [scope.interval(m, drawn.interval(m, "release")) for m in metrics]
    if family(spec).facts.probabilities:
        figures.append(scope.figure("calibration_error", calibration_error(y, scores), n=len(y)))
        figures += _recalibrated(scope, known, y, scores, metrics[0])
    figures += [scope.figure(*figure, n=len(y)) for figure in family(spec).label_figures(spec, y)]
    if primary in metrics and primary in baseline["metrics"]:
        was = Interval.model_validate(baseline["metrics"][primary]).value
        figures += _loss(scope, was, drawn.interval(primary, "release"))
    return figures


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
    if primary not in _measurable(spec, y, served):
        return []
    blocks = window.known_blocks
    drawn = _drawn(window, y, {**rescored, scope.release: served}, [primary], blocks)
    name, figures = f"counterfactual_{primary}", list[Figure]()
    for other in rescored:
        gain = drawn.gain(primary, scope.release, other)
        figures.append(Scope(spec, other, scope.period).interval(name, drawn.interval(primary, other)))
        figures.append(scope.interval("gain_over_replaced", gain))
        figures.append(scope.figure("worse_than_replaced", blocks.enough and gain.high < 0, n=gain.n))
    return figures


def _drawn(
    window: Window, y: np.ndarray, models: Mapping[str, np.ndarray], metrics: list[str], blocks: Blocks | None = None
) -> Resampled:
    scope, limits = window.scope, window.spec.comparison
    try:
        return paired(y, models, metrics, limits.resamples, limits.confidence, seed=window.seed, blocks=blocks)
    except EvaluationError as error:
        raise DataError(f"predictions of {scope.release} in {scope.period}: {error}") from error


def _measurable(spec: UseCase, y: np.ndarray, scores: np.ndarray) -> list[str]:
    """Metrics that these rows are enough for, primary first."""
    kind, counts = family(spec), family(spec).class_rows(spec, y)
    rare = min(counts.values(), default=CLASS_ROWS) < CLASS_ROWS
    wanted = [m for m in spec.metrics.names if not (rare and m in kind.every_class)]
    return [m for m in wanted if not undefined(m, y, scores)]


def _recalibrated(scope: Scope, known: pd.DataFrame, y: np.ndarray, scores: np.ndarray, metric: str) -> list[Figure]:
    """What a recalibration on these rows would leave of the calibration error, and make of the first metric."""
    answers = recalibrated(scope.spec, known, scores, y)
    if answers is None:
        return []
    values = {RECALIBRATED_ERROR: calibration_error(y, answers), f"recalibrated_{metric}": score(metric, y, answers)}
    return [scope.figure(name, value, n=len(y)) for name, value in values.items()]


def _loss(scope: Scope, was: float, now: Interval) -> list[Figure]:
    """The loss and whether it is a breach.

    In units of the primary metric; positive is worse, whatever its direction.
    """
    spec, sign = scope.spec, direction(scope.spec.metrics.primary)
    loss = sign * (was - now.value)
    bounds = sorted((sign * (was - now.low), sign * (was - now.high)))
    breached = is_breach(loss, bounds[0], spec.monitoring.performance_loss)
    figure = Interval(value=loss, low=bounds[0], high=bounds[1], n=now.n)
    return [scope.interval("performance_loss", figure), scope.figure("breached", breached, n=now.n)]
