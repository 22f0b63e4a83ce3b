"""The effect of each feature on an answer: SHAP values, and the loss when a feature is shuffled.

Sources: Lundberg and Lee, NeurIPS 2017 (SHAP); Lundberg et al. 2020, From local explanations to global understanding
with explainable AI for trees (exact for trees); Breiman 2001 and Fisher, Rudin, Dominici, JMLR 2019 (permutation
importance).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.development.feature_groups import FeatureGroup, evenly, feature_groups
from include.development.trainers.trained_model import TrainedModel
from include.errors import EvaluationError
from include.evaluation.metrics import direction, score
from include.evaluation.shapley import permuted
from include.families.registry import family, family_named
from include.specification.usecase import UseCase

# SHAP values of trees cost as much as the fit at 2,000 rows; a mean over 500 is good enough for a ranking.
TREE_ROWS = 500
BACKGROUND = 20
PREDICTED_ROWS = 100_000  # budget of the model-agnostic explainer; it asks the model (2 players + 1) x background times
FEWEST, MOST = 10, 100  # rows that it explains
COLUMN_PLAYERS = 150  # up to so many columns each gets a value of its own, so that an image has a heat map
SHUFFLED_ROWS, REPEATS = 1000, 5


@dataclass(frozen=True)
class Attribution:
    """Mean absolute SHAP values.

    ``features`` (K, groups) and ``columns`` (K, columns; None where a feature was explained as a whole): K is 1 for one
    number per row, else the number of classes or clusters.
    """

    method: str
    unit: str
    rows: int
    groups: list[FeatureGroup]
    features: np.ndarray
    columns: np.ndarray | None

    def table(self, scores: np.ndarray | None = None) -> list[dict[str, Any]]:
        """``feature, importance, share``, largest first; mean over the classes, or of the given (groups,)."""
        mean = self.features.mean(axis=0) if scores is None else scores
        total = float(mean.sum()) or 1.0
        rows = [
            {"feature": group.name, "importance": float(value), "share": float(value / total)}
            for group, value in zip(self.groups, mean, strict=True)
        ]
        return sorted(rows, key=lambda row: (-row["importance"], row["feature"]))

    def heat_maps(self) -> dict[str, np.ndarray]:
        """Tensor → mean absolute SHAP value of each of its numbers, in its shape."""
        if self.columns is None:
            return {}
        mean = self.columns.mean(axis=0)
        return {g.name: mean[list(g.columns)].reshape(g.shape) for g in self.groups if g.shape}


def attribution(model: TrainedModel, frame: pd.DataFrame) -> Attribution:
    """SHAP values of rows of ``frame``: the model's own where it knows them, else by asking it.

    The model's own are exact, in the unit of its margin (log-odds before calibration, or the value). Else ``shap``'s
    permutation explainer replaces features by those of ``BACKGROUND`` rows, and what is explained is the calibrated
    answer; a tensor's numbers or a text's words go together when there are too many of them.
    """
    groups = feature_groups(model)
    if hasattr(model.fitted, "contributions"):
        return _own(model, frame, groups)
    return _asked(model, frame, groups)


def _own(model: TrainedModel, frame: pd.DataFrame, groups: list[FeatureGroup]) -> Attribution:
    sample = evenly(frame, TREE_ROWS)
    given = model.fitted.contributions(model.encoder.transform(sample))  # type: ignore[attr-defined]
    moved = np.asarray(given, dtype=np.float64)[..., :-1].reshape(len(sample), -1, model.problem.width)
    return _summed("SHAP, exact for trees", family_named(model.task).margin_unit, groups, moved)


def _summed(method: str, unit: str, groups: list[FeatureGroup], moved: np.ndarray) -> Attribution:
    """From values (rows, K, columns)."""
    together = np.stack([moved[..., list(group.columns)].sum(axis=-1) for group in groups], axis=-1)
    columns = np.abs(moved).mean(axis=0)
    return Attribution(method, unit, len(moved), groups, np.abs(together).mean(axis=0), columns)


def _asked(model: TrainedModel, frame: pd.DataFrame, groups: list[FeatureGroup]) -> Attribution:
    by_column = model.problem.width <= COLUMN_PLAYERS and any(group.shape for group in groups)
    players = [(c,) for c in range(model.problem.width)] if by_column else [group.columns for group in groups]
    evaluations = 2 * len(players) + 1
    rows = int(np.clip(PREDICTED_ROWS // (evaluations * BACKGROUND), FEWEST, MOST))
    background = model.encoder.transform(evenly(frame, BACKGROUND))
    X = model.encoder.transform(evenly(frame, rows))
    moved = np.moveaxis(permuted(model.scores, X, background, players), 1, 2)
    unit, method = family_named(model.task).unit, "SHAP, sampled permutations"
    if by_column:
        return _summed(method, unit, groups, moved)
    return Attribution(method, unit, len(X), groups, np.abs(moved).mean(axis=0), None)


def permutation_importance(spec: UseCase, model: TrainedModel, frame: pd.DataFrame) -> dict[str, Any]:
    """What is lost when a feature is shuffled among the rows: ``metric, rows, repeats, features``.

    ``features`` are ``feature, loss, low, high``, largest first: the mean over the repeats and its 95 % t-interval;
    without labels the share of rows that change their cluster, else what the primary metric loses. ``undefined`` says
    why when the metric cannot be told on these rows.
    """
    sample = evenly(frame, SHUFFLED_ROWS)
    X, random = model.encoder.transform(sample), np.random.default_rng(0)
    metric = spec.metrics.primary if spec.event.label else "share of rows in another cluster"
    result: dict[str, Any] = {"metric": metric, "rows": len(sample), "repeats": REPEATS, "features": []}
    try:
        loss = _losing(spec, model, sample, X)
        rows = [
            _row(group, [loss(_shuffled(X, group, random)) for _ in range(REPEATS)]) for group in feature_groups(model)
        ]
    except EvaluationError as error:
        return result | {"undefined": str(error)}
    return result | {"features": sorted(rows, key=lambda row: (-row["loss"], row["feature"]))}


def _losing(spec: UseCase, model: TrainedModel, frame: pd.DataFrame, X: np.ndarray) -> Any:
    """How much worse the answers to a matrix are than those to ``X``."""
    given, kind = model.scores(X), family(spec)
    if spec.event.label is None:
        cluster = kind.predicted(given)
        return lambda other: float((kind.predicted(model.scores(other)) != cluster).mean())
    y, metric = kind.truth(spec, frame), spec.metrics.primary
    best = score(metric, y, given)
    return lambda other: direction(metric) * (best - score(metric, y, model.scores(other)))


def _shuffled(X: np.ndarray, group: FeatureGroup, random: np.random.Generator) -> np.ndarray:
    other, columns = X.copy(), list(group.columns)
    other[:, columns] = X[random.permutation(len(X))][:, columns]
    return other


def _row(group: FeatureGroup, losses: list[float]) -> dict[str, Any]:
    from scipy.special import stdtrit

    mean, error = float(np.mean(losses)), float(np.std(losses, ddof=1) / np.sqrt(len(losses)))
    reach = float(stdtrit(len(losses) - 1, 0.975)) * error
    return {"feature": group.name, "loss": mean, "low": mean - reach, "high": mean + reach}
