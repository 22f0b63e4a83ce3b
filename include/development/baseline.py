"""Simple, untuned predictors that every candidate must beat."""

from typing import Any, Protocol

import numpy as np

from include.development.trainers.label_units import LabelUnits
from include.development.trainers.protocol import Matrix, Problem, placed
from include.errors import TrainingError
from include.families.registry import family_named
from include.specification.trainers import SKLEARN
from include.specification.usecase import UseCase

CLUSTERS = 4  # where the spec names no number


class Baseline(Protocol):
    """A predictor without ambition."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Scores as a model's (see ``protocol``)."""

    def describe(self) -> str:
        """What it does, in one sentence."""


class Prior:
    """The share of positives, the shares of the classes, or the mean label, for every row."""

    def __init__(self, problem: Problem, y: np.ndarray) -> None:
        self._scores = family_named(problem.task).prior(y, problem.classes)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self._scores, (len(X), *np.shape(self._scores))).copy()

    def describe(self) -> str:
        return "The baseline says for every row what the training part says on average."


class RandomClusters:
    """Every row in any of K clusters, the same one each time."""

    def __init__(self, clusters: int) -> None:
        self._clusters = clusters

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.random.default_rng(0).random((len(X), self._clusters))

    def describe(self) -> str:
        return f"The baseline puts every row into one of {self._clusters} clusters by chance."


class Linear:
    """Logistic or ridge regression on imputed, scaled numbers and one column per category; texts are left out."""

    def __init__(self, problem: Problem, train: Matrix) -> None:
        from include.development.trainers.sklearn_estimators import chosen, pipeline

        read, self._columns = _without_texts(problem)
        self._name, _ = chosen(read, SKLEARN.defaults)
        self._pipe: Any = pipeline(read, SKLEARN.defaults, threads=1)
        self._problem = problem
        y = np.asarray(train.y)
        self._units = LabelUnits() if problem.classes else LabelUnits.of(y)
        y = y if problem.classes else self._units.scaled(y)
        weight = {} if train.weight is None else {f"{self._pipe.steps[-1][0]}__sample_weight": train.weight}
        self._pipe.fit(train.X[:, self._columns], y, **weight)

    def predict(self, X: np.ndarray) -> np.ndarray:
        read = X[:, self._columns]
        if not self._problem.classes:
            return self._units.restored(self._pipe.predict(read))
        scores = np.zeros((len(X), self._problem.classes))
        scores[:, self._pipe[-1].classes_.astype(int)] = self._pipe.predict_proba(read)
        return scores if self._problem.facts.table else scores[:, 1]

    def describe(self) -> str:
        return f"The baseline is a {self._name.replace('_', ' ')} on all numbers and categories, not tuned."


class FirstComponent:
    """K slices of equal size along the direction in which the rows differ most (first principal component)."""

    def __init__(self, problem: Problem, train: Matrix, clusters: int) -> None:
        from sklearn.decomposition import PCA
        from sklearn.pipeline import make_pipeline

        from include.development.trainers.sklearn_estimators import preparation

        read, self._columns = _without_texts(problem)
        self._pipe = make_pipeline(preparation(read, scaled=True), PCA(1, random_state=0))
        along = self._pipe.fit_transform(train.X[:, self._columns])[:, 0]
        self._centres = np.quantile(along, (np.arange(clusters) + 0.5) / clusters)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return -np.abs(self._pipe.transform(X[:, self._columns]) - self._centres)

    def describe(self) -> str:
        return f"The baseline cuts the rows into {len(self._centres)} slices along their first principal component."


class Seasonal:
    """The value that a feature has: the label one season ago; its mean label where that is missing."""

    def __init__(self, problem: Problem, train: Matrix, feature: str) -> None:
        place = next(place for place in placed(problem.inputs) if place.input.name == feature)
        self._column, self._centre, self._feature = place.at, place.input.centre, feature
        self._otherwise = float(np.mean(np.asarray(train.y)))

    def predict(self, X: np.ndarray) -> np.ndarray:
        values = X[:, self._column].astype(np.float64) + self._centre
        return np.where(np.isnan(values), self._otherwise, values)

    def describe(self) -> str:
        return f"The baseline says what {self._feature} is: the last season comes again."


def fit_baseline(spec: UseCase, problem: Problem, train: Matrix) -> Baseline:
    """The baseline that the spec names, fitted on the training part; raises TrainingError when it cannot be."""
    kind, feature = spec.trainer.baseline.kind, spec.trainer.baseline.feature
    if train.y is None:
        clusters = int(spec.trainer.parameters.get("clusters", CLUSTERS))
        if kind != "seasonal":
            return RandomClusters(clusters) if kind == "prior" else FirstComponent(problem, train, clusters)
    elif kind == "prior":
        return Prior(problem, train.y)
    elif kind == "linear":
        return Linear(problem, train)
    elif feature is not None and not problem.classes:
        return Seasonal(problem, train, feature)
    raise TrainingError(f"{spec.name}: trainer.baseline.kind {kind!r} is not for {spec.task}; choose prior or linear")


def _without_texts(problem: Problem) -> tuple[Problem, list[int]]:
    """The problem without its texts, and the columns of X that stay."""
    kept = [place for place in placed(problem.inputs) if place.input.kind != "text"]
    columns = [column for place in kept for column in place.columns]
    return Problem(problem.task, tuple(place.input for place in kept), problem.classes), columns
