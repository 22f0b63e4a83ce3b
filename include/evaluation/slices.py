"""The primary metric on every named slice of the new test set."""

import numpy as np
import pandas as pd

from include.errors import EvaluationError
from include.evaluation.bootstrap import paired
from include.evaluation.verdict import SliceFigure
from include.usecase import UseCase


def slice_figures(
    spec: UseCase,
    frame: pd.DataFrame,
    y: np.ndarray,
    answers: dict[str, np.ndarray],
    *,
    who: str,
    class_rows: int,
    seed: int,
) -> tuple[list[SliceFigure], list[str]]:
    """Figures of ``who`` per slice, and the names of the slices that cannot be judged.

    A slice is one value of one column of ``comparison.slices.columns``; it is judged with at least
    ``min_rows`` rows and ``class_rows`` rows of each class.

    Raises
    ------
    EvaluationError
        a slice column is not in the test set.
    """
    judged, unjudged = [], []
    models = {m: answers[m] for m in dict.fromkeys((who, "champion")) if m in answers}
    for name, rows in _slices(spec, frame):
        positives = int(y[rows].sum())
        if len(rows) < spec.comparison.slices.min_rows or min(positives, len(rows) - positives) < class_rows:
            unjudged.append(f"{name} ({len(rows)} rows, {positives} positive)")
        else:
            judged.append(_figure(spec, name, y[rows], {m: p[rows] for m, p in models.items()}, who=who, seed=seed))
    return judged, unjudged


def _slices(spec: UseCase, frame: pd.DataFrame) -> list[tuple[str, np.ndarray]]:
    named = []
    for column in spec.comparison.slices.columns:
        if column not in frame:
            raise EvaluationError(
                f"slice column {column!r} of {spec.name} is not in the test set: {list(frame.columns)}"
            )
        groups = frame.groupby(column, observed=True, sort=True, dropna=False).indices
        named += [(f"{column}={value}", rows) for value, rows in groups.items()]
    return named


def _figure(
    spec: UseCase, name: str, y: np.ndarray, models: dict[str, np.ndarray], *, who: str, seed: int
) -> SliceFigure:
    primary, limits = spec.metrics.primary, spec.comparison
    drawn = paired(y, models, [primary], limits.resamples, limits.confidence, seed=seed)
    gain = drawn.gain(primary, who, "champion") if "champion" in models else None
    return SliceFigure(name, drawn.interval(primary, who), gain)
