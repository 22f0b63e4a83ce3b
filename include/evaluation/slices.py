"""The primary metric on every named slice of the new test set.

A slice is one value of one column of ``comparison.slices.columns``. It is judged with at least ``min_rows`` rows; where
the metric needs every class, with ``CLASS_ROWS`` rows of each; and where the metric has a value at all.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from include.errors import EvaluationError, UndefinedMetricError
from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import Resampled, paired
from include.evaluation.inputs import CLASS_ROWS
from include.evaluation.verdict import SliceFigure
from include.families.registry import family
from include.specification.usecase import UseCase


def draw_slices(
    spec: UseCase,
    frame: pd.DataFrame,
    y: np.ndarray,
    scores: Mapping[str, np.ndarray],
    confidence: float,
    seed: int,
    blocks: Blocks,
) -> tuple[dict[str, Resampled], list[str]]:
    """Every slice resampled for all contenders, by name, and those that cannot be judged, with the reason.

    Raises EvaluationError when a slice column is not in the test set.
    """
    judged, unjudged = {}, []
    for name, rows in _slices(spec, frame):
        if reason := _too_few(spec, y[rows]):
            unjudged.append(f"{name} ({reason})")
            continue
        try:
            judged[name] = _drawn(spec, y, scores, rows, confidence, seed, blocks)
        except UndefinedMetricError as error:
            unjudged.append(f"{name} ({error})")
    return judged, unjudged


def slice_figures(spec: UseCase, drawn: Mapping[str, Resampled], who: str) -> list[SliceFigure]:
    """``who`` on every slice, and its gain over the champion if there is one."""
    primary = spec.metrics.primary
    return [
        SliceFigure(
            name,
            one.interval(primary, who),
            one.gain(primary, who, "champion") if (primary, "champion") in one.points else None,
        )
        for name, one in drawn.items()
    ]


def _slices(spec: UseCase, frame: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    for column in spec.comparison.slices.columns:
        if column not in frame:
            raise EvaluationError(
                f"slice column {column!r} of {spec.name} is not in the test set: {list(frame.columns)}"
            )
        groups = frame.groupby(column, observed=True, sort=True, dropna=False).indices
        for value, rows in groups.items():
            yield f"{column}={value}", rows


def _too_few(spec: UseCase, y: np.ndarray) -> str:
    """Why the slice with these labels is too small, or nothing."""
    if len(y) < spec.comparison.slices.min_rows:
        return f"{len(y)} rows"
    kind = family(spec)
    counts = kind.class_rows(spec, y) if spec.metrics.primary in kind.every_class else {}
    few = [f"{n} of class {name}" for name, n in counts.items() if n < CLASS_ROWS]
    return f"{len(y)} rows, {', '.join(few)}" if few else ""


def _drawn(
    spec: UseCase,
    y: np.ndarray,
    scores: Mapping[str, np.ndarray],
    rows: np.ndarray,
    confidence: float,
    seed: int,
    blocks: Blocks,
) -> Resampled:
    primary = spec.metrics.primary
    drawn = paired(y, scores, [primary], spec.comparison.resamples, confidence, seed=seed, rows=rows, blocks=blocks)
    for who in scores:
        drawn.interval(primary, who)  # raises where too many resamples leave it undefined
    return drawn
