"""What a release keeps of its test set, so that its performance can be estimated before labels are known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.record import Record
from include.evaluation import direct_loss, expected
from include.evaluation.calibration import level_calibrator
from include.evaluation.calibrator import Calibrator
from include.evaluation.direct_loss import LossTree, loss_tree
from include.evaluation.expected import Expected
from include.families.registry import family
from include.specification.task import TASKS
from include.specification.usecase import UseCase

LEAST_TESTED = 100
"""Rows of a test set, from which errors by tree are learned."""
KEPT_AS = "estimator"


class Estimator(Record):
    """``calibrator``: what the answers, which are probabilities, are worth on the test set; ``losses``: of numbers."""

    calibrator: Calibrator | None = None
    losses: LossTree | None = None

    def expected(self, metric: str, frame: pd.DataFrame, scores: np.ndarray) -> Expected:
        """The metric of the ``scores`` (n,) or (n, K) of the rows, whose labels are unknown.

        Raises UndefinedMetricError when it has no value on these rows.
        """
        if self.losses is not None:
            return self.losses.expected(metric, frame, scores)
        return expected.expected(metric, scores, (self.calibrator or Calibrator()).apply(scores))


def estimable(spec: UseCase) -> bool:
    """Whether the primary metric of the use case can be estimated without labels."""
    facts, metric = TASKS[spec.task], spec.metrics.primary
    return facts.labelled and metric in (expected.METRICS if facts.probabilities else direct_loss.POWERS)


def estimator(spec: UseCase, frame: pd.DataFrame, scores: np.ndarray) -> Estimator | None:
    """That of the answers to test rows; None without their labels, for too few rows, or where nothing is estimated."""
    label = spec.event.label
    if not estimable(spec) or label not in frame or frame[label].isna().any():
        return None
    truth = family(spec).truth(spec, frame)
    if TASKS[spec.task].probabilities:
        return Estimator(calibrator=level_calibrator(scores, truth))
    if len(frame) < LEAST_TESTED:
        return None
    numeric = [feature.name for feature in spec.features if feature.kind == "numeric"]
    return Estimator(losses=loss_tree(frame, numeric, scores, truth))


def kept(baseline: Mapping[str, Any]) -> Estimator | None:
    """That of a release, by its baseline; None where it was packaged without one."""
    found = baseline.get(KEPT_AS)
    return Estimator.model_validate(found) if found else None
