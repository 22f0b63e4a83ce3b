"""Metrics per slice of the data, with intervals: who is served worse than the rest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.contracts import Interval
from include.errors import DataError, EvaluationError
from include.evaluation.bootstrap import WEIGHTED, paired
from include.evaluation.metrics import score
from include.usecase import UseCase

MISSING = "(missing)"
RESAMPLES = 300


def metric_names(spec: UseCase) -> list[str]:
    """The primary metric first, then the secondary ones."""
    return list(dict.fromkeys([spec.metrics.primary, *spec.metrics.secondary]))


def interval(spec: UseCase, metric: str, y: np.ndarray, scores: np.ndarray, resamples: int = RESAMPLES) -> Interval:
    """The metric with its bootstrap interval at ``comparison.confidence``.

    Raises
    ------
    EvaluationError
        the metric is undefined on these rows, or on too many resamples of them.
    """
    if metric not in WEIGHTED:
        raise EvaluationError(f"{metric} has no bootstrap interval")
    drawn = paired(y, {"model": scores}, [metric], resamples, spec.comparison.confidence)
    return drawn.interval(metric, "model")


def by_slice(spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    """One entry per value of each column of ``comparison.slices.columns``.

    ``column, value, n, enough_rows, metrics, intervals, undefined``: a metric that is undefined on a slice (one class
    only, no variance) is null there and ``undefined`` says why; ``positives`` besides for a binary task.

    Raises
    ------
    DataError
        ``frame`` has no such column.
    """
    columns = spec.comparison.slices.columns
    if missing := [c for c in columns if c not in frame.columns]:
        raise DataError(f"slices need the columns {missing}; the rows have {list(frame.columns)}")
    return [entry for column in columns for entry in _of_column(spec, frame[column], y, scores)]


def _of_column(spec: UseCase, values: pd.Series, y: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    names = values.astype(object).where(values.notna(), MISSING).astype(str).to_numpy()
    return [
        {"column": str(values.name), "value": name, **_entry(spec, y[names == name], scores[names == name])}
        for name in sorted(set(names))
    ]


def _entry(spec: UseCase, y: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    entry: dict[str, Any] = {"n": len(y), "enough_rows": len(y) >= spec.comparison.slices.min_rows}
    if spec.task == "binary":
        entry["positives"] = int(y.sum())
    return entry | _figures(spec, metric_names(spec), y, scores, judged=entry["enough_rows"])


def _figures(
    spec: UseCase, metrics: Sequence[str], y: np.ndarray, scores: np.ndarray, *, judged: bool
) -> dict[str, Any]:
    values: dict[str, float | None] = {}
    intervals: dict[str, list[float] | None] = {}
    undefined: dict[str, str] = {}
    for metric in metrics:
        values[metric], intervals[metric] = None, None
        try:
            values[metric] = score(metric, y, scores)
            if judged:
                found = interval(spec, metric, y, scores)
                intervals[metric] = [found.low, found.high]
        except EvaluationError as error:
            undefined[metric] = str(error)
    return {"metrics": values, "intervals": intervals, "undefined": undefined}


def slice_metrics(
    frame: pd.DataFrame, y: np.ndarray, p: np.ndarray, *, columns: Sequence[str], metrics: Sequence[str], min_rows: int
) -> list[dict[str, Any]]:
    """One entry per value of each column: ``column, value, n, positives, metrics, enough_rows``.

    A slice with one class only has null metrics: none of them can be judged there.

    Raises
    ------
    DataError
        ``frame`` has no such column.
    """
    if missing := [c for c in columns if c not in frame.columns]:
        raise DataError(f"slices need the columns {missing}; the rows have {list(frame.columns)}")
    return [entry for column in columns for entry in _counted(frame[column], y, p, metrics, min_rows)]


def _counted(
    values: pd.Series, y: np.ndarray, p: np.ndarray, metrics: Sequence[str], min_rows: int
) -> list[dict[str, Any]]:
    names = values.astype(object).where(values.notna(), MISSING).astype(str).to_numpy()
    entries = []
    for name in sorted(set(names)):
        rows = names == name
        judged = len(np.unique(y[rows])) > 1
        entries.append(
            {
                "column": str(values.name),
                "value": name,
                "n": int(rows.sum()),
                "positives": int(y[rows].sum()),
                "metrics": {m: score(m, y[rows], p[rows]) if judged else None for m in metrics},
                "enough_rows": bool(rows.sum() >= min_rows),
            }
        )
    return entries
