"""Which pictures a model's card has, by task: name → figure and caption."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from include.development.card import plots
from include.development.explanation import Attribution
from include.evaluation.answers import predicted
from include.specification.usecase import UseCase

Pictures = dict[str, tuple[Figure, str]]
STRETCH = 240  # rows of one series that are drawn
PROFILED = 20  # features of the clusters' profile


def of_answers(spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> Pictures:
    """What the model says on the test part against what was."""
    if spec.task == "clustering":
        return _of_clusters(spec, y, predicted(spec.task, scores), scores.shape[1])
    if spec.task in ("regression", "forecasting"):
        return _of_numbers(spec, frame, y, scores)
    said, names = predicted(spec.task, scores), spec.event.classes or [f"not {spec.event.label}", str(spec.event.label)]
    pictures: Pictures = {
        "confusion": (
            plots.confusion(y, said, names),
            "Rows of the test part by actual and predicted class.",
        )
    }
    if spec.task == "multiclass":
        right, said_probability = said == y, scores.max(axis=1)
        caption = "Predicted probability of the chosen class against the share of correct rows."
        return pictures | {"calibration": (plots.calibration(right, said_probability), caption)}
    caption = "Observed share by predicted probability, with 95 % intervals; right: distribution of the predictions."
    pictures["calibration"] = (plots.calibration(y, scores), caption)
    if 0 < y.mean() < 1:
        caption = "ROC and precision-recall curve; dotted: a random model."
        pictures["roc"] = (plots.roc_and_precision(y, scores), caption)
    return pictures


def _of_numbers(spec: UseCase, frame: pd.DataFrame, y: np.ndarray, said: np.ndarray) -> Pictures:
    times = frame[spec.event.time]
    pictures = {
        "predicted": (plots.predicted_and_actual(y, said), "Actual against predicted values; dotted: equal."),
        "residuals": (plots.residuals_by_time(times.to_numpy(), y - said), "Actual minus predicted value, by day."),
    }
    if spec.task == "forecasting":
        rows, name = _one_series(spec, frame)
        caption = f"The newest {len(rows)} rows of the test part{name}: forecast and actual values."
        drawn = plots.stretch_of_series(times.to_numpy()[rows], y[rows], said[rows], str(spec.event.label))
        pictures["series"] = (drawn, caption)
    return pictures


def _one_series(spec: UseCase, frame: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Rows of the entity that has most of them, in order of time."""
    keys = [entity.key for entity in spec.entities.values() if entity.key in frame.columns]
    chosen, name = np.arange(len(frame)), ""
    if keys:
        value = frame[keys[0]].value_counts().index[0]
        chosen = np.flatnonzero(frame[keys[0]] == value)
        treated = spec.privacy.columns.get(keys[0])
        name = "" if treated is not None and treated.level == "personal" else f", {keys[0]} {value}"
    order = np.argsort(frame[spec.event.time].to_numpy()[chosen], kind="stable")
    return chosen[order][-STRETCH:], name


def _of_clusters(spec: UseCase, space: np.ndarray, cluster: np.ndarray, count: int) -> Pictures:
    names = [f.name for f in spec.features if f.kind == "numeric"]
    filled = [k for k in range(count) if (cluster == k).any()]
    centres = np.full((count, space.shape[1]), np.nan)
    for k in filled:
        centres[k] = np.median(space[cluster == k], axis=0)
    apart = np.nanmax(centres, axis=0) - np.nanmin(centres, axis=0)
    widest = np.sort(np.argsort(-apart, kind="stable")[:PROFILED])
    caption = "Median of each cluster: distance of each feature from the median of all rows."
    return {
        "clusters": (plots.clusters(space, cluster, count), "Rows of the test part by cluster."),
        "profile": (plots.profile(centres[:, widest], [names[i] for i in widest]), caption),
    }


def of_explanation(moved: Attribution, shuffled: Mapping[str, Any]) -> Pictures:
    table = moved.table()
    values = np.array([row["importance"] for row in table])
    drawn = plots.bars([row["feature"] for row in table], values, None, f"mean absolute SHAP value ({moved.unit})")
    pictures: Pictures = {"importance": (drawn, "Mean effect of each feature on an answer.")}
    for name, image in moved.heat_maps().items():
        caption = f"Mean effect of each number of {name} on an answer."
        pictures[f"heat_map_{name}"] = (plots.heat_map(image, f"SHAP value ({moved.unit})"), caption)
    if rows := shuffled["features"]:
        losses, reach = np.array([r["loss"] for r in rows]), np.array([[r["low"], r["high"]] for r in rows]).T
        caption = "Loss when a feature is shuffled among the rows, with 95 % intervals."
        drawn = plots.bars([r["feature"] for r in rows], losses, reach, shuffled["metric"])
        pictures["permutation"] = (drawn, caption)
    return pictures


def of_training(curve: Sequence[Mapping[str, float]]) -> Pictures:
    if len(curve) < 2:
        return {}
    return {"learning_curve": (plots.learning_curve(curve), "Loss by step of the fit.")}


def of_slices(spec: UseCase, slices: Sequence[Mapping[str, Any]], whole: float | None) -> Pictures:
    primary = spec.metrics.primary
    judged = [s for s in slices if s["intervals"][primary] is not None]
    if len(judged) < 2 or whole is None:
        return {}
    values = np.array([s["metrics"][primary] for s in judged])
    reach = np.array([s["intervals"][primary] for s in judged]).T
    drawn = plots.intervals([f"{s['column']} = {s['value']}" for s in judged], values, reach, whole, primary)
    return {"slices": (drawn, f"{primary} by slice of the test part, with intervals.")}
