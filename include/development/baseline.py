"""The predictor that any model must beat: everybody gets what the training part says on average."""

from typing import Protocol

import numpy as np

from include.development.trainers.protocol import Matrix, Problem
from include.errors import TrainingError
from include.usecase import UseCase


class Baseline(Protocol):
    """A predictor without ambition."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Scores as a model's (see ``protocol``)."""

    def describe(self) -> str:
        """What it does, in one sentence."""


class Prior:
    """The share of positives, the shares of the classes, or the mean label, for every row."""

    def __init__(self, problem: Problem, y: np.ndarray) -> None:
        multiclass = problem.task == "multiclass"
        self._scores = np.bincount(y, minlength=problem.classes) / len(y) if multiclass else np.float64(np.mean(y))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self._scores, (len(X), *np.shape(self._scores))).copy()

    def describe(self) -> str:
        return "The baseline says for every row what the training part says on average."


def fit_baseline(spec: UseCase, problem: Problem, train: Matrix) -> Baseline:
    """The baseline that the spec names, fitted on the training part; raises TrainingError when it cannot be."""
    if spec.trainer.baseline.kind != "prior" or train.y is None:
        raise TrainingError(f"{spec.name}: no baseline {spec.trainer.baseline.kind!r} for {spec.task}")
    return Prior(problem, train.y)
