"""Which pictures a model's card has: name → figure and caption."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from include.development.card import plots
from include.development.explanation import Attribution
from include.families.registry import family
from include.specification.usecase import UseCase

Pictures = dict[str, tuple[Figure, str]]


def of_answers(spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> Pictures:
    """The answers to the test part against the truth, as the task's family wants them drawn."""
    wanted = family(spec).pictures(spec, frame, y, scores)
    return {name: (getattr(plots, one.plot)(*one.arguments), one.caption) for name, one in wanted.items()}


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
