"""Quality of answers: metrics with intervals, calibration, labels, and the loss against the release's test set."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.evaluation import Interval
from include.contracts.operations import Figure
from include.errors import DataError, EvaluationError
from include.evaluation import answers
from include.evaluation.bootstrap import Resampled, paired
from include.evaluation.inputs import CLASS_ROWS
from include.evaluation.metrics import RANKING, calibration_error, direction
from include.operations.scope import Scope, logged_scores
from include.specification.usecase import UseCase

ROWS = 2 * CLASS_ROWS  # fewer labelled rows, and nothing is measured; of one class alone, no ranking metric


def quality(scope: Scope, baseline: Mapping[str, Any], known: pd.DataFrame, seed: int) -> list[Figure]:
    """Metrics, calibration error, what the labels are, the loss against the baseline and whether it is a breach.

    ``known`` are served rows with their coded label (for clustering: all served rows).
    """
    spec, primary = scope.spec, scope.spec.metrics.primary
    metrics = _measurable(spec, known)
    if not metrics:
        return []
    y, scores = answers.truth(spec, known), logged_scores(spec, known)
    drawn = _drawn(scope, y, {"release": scores}, metrics, seed)
    figures = [scope.interval(m, drawn.interval(m, "release")) for m in metrics]
    if spec.task in answers.CLASSIFYING:
        figures.append(scope.figure("calibration_error", calibration_error(y, scores), n=len(y)))
    figures += _labels(scope, y)
    if primary in metrics and primary in baseline["metrics"]:
        was = Interval.model_validate(baseline["metrics"][primary]).value
        figures += _loss(scope, was, drawn.interval(primary, "release"))
    return figures


def counterfactual(scope: Scope, known: pd.DataFrame, rescored: Mapping[str, np.ndarray], seed: int) -> list[Figure]:
    """The primary metric that other releases, with the scores ``rescored``, would have had on the same rows."""
    spec, primary = scope.spec, scope.spec.metrics.primary
    if not rescored or primary not in _measurable(spec, known):
        return []
    drawn = _drawn(scope, answers.truth(spec, known), rescored, [primary], seed)
    name = f"counterfactual_{primary}"
    return [Scope(spec, r, scope.period).interval(name, drawn.interval(primary, r)) for r in rescored]


def _drawn(scope: Scope, y: np.ndarray, models: Mapping[str, np.ndarray], metrics: list[str], seed: int) -> Resampled:
    limits = scope.spec.comparison
    try:
        return paired(y, models, metrics, limits.resamples, limits.confidence, seed=seed)
    except EvaluationError as error:
        raise DataError(f"predictions of {scope.release} in {scope.period}: {error}") from error


def _measurable(spec: UseCase, known: pd.DataFrame) -> list[str]:
    """Metrics that these rows are enough for, primary first; of two classes, both must be there for any."""
    wanted: list[str] = [*spec.metrics.names]
    if len(known) < ROWS:
        return []
    if spec.task == "clustering":
        found = np.unique(logged_scores(spec, known).argmax(axis=1))
        return wanted if len(found) > 1 else []
    label = known[spec.event.label]
    if spec.task not in answers.CLASSIFYING:
        return [m for m in wanted if m != "r2" or label.nunique() > 1]
    rarest = min(int((label == code).sum()) for code in range(len(spec.event.classes) or 2))
    if rarest >= CLASS_ROWS:
        return wanted
    return [] if spec.task == "binary" else [m for m in wanted if m not in RANKING]


def _labels(scope: Scope, y: np.ndarray) -> list[Figure]:
    """The share of positives, of every class, or mean and standard deviation of the values."""
    spec, n = scope.spec, len(y)
    if spec.task == "binary":
        return [scope.figure("label_rate", y.mean(), n=n)]
    if spec.task == "multiclass":
        shares = np.bincount(y, minlength=len(spec.event.classes)) / n
        return [scope.figure("label_share", s, c, n) for c, s in zip(spec.event.classes, shares, strict=True)]
    if spec.task == "clustering":
        return []
    return [scope.figure("label_mean", y.mean(), n=n), scope.figure("label_std", y.std(), n=n)]


def _loss(scope: Scope, was: float, now: Interval) -> list[Figure]:
    """A breach: the loss exceeds what the spec allows, and the interval excludes the baseline.

    In units of the primary metric; positive is worse, whatever its direction.
    """
    spec, sign = scope.spec, direction(scope.spec.metrics.primary)
    loss = sign * (was - now.value)
    bounds = sorted((sign * (was - now.low), sign * (was - now.high)))
    breached = loss > spec.monitoring.performance_loss and bounds[0] > 0
    figure = Interval(value=loss, low=bounds[0], high=bounds[1], n=now.n)
    return [scope.interval("performance_loss", figure), scope.figure("breached", breached, n=now.n)]
