"""Metrics per slice of the data, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.evaluation import Interval
from include.errors import DataError, UndefinedMetricError
from include.evaluation.bootstrap import paired
from include.evaluation.fairness import group_names
from include.families.registry import family
from include.specification.usecase import UseCase

RESAMPLES = 300


@dataclass(frozen=True)
class Figures:
    """Metrics of some rows by name, their intervals, and why one is undefined there."""

    values: dict[str, float]
    intervals: dict[str, Interval]
    undefined: dict[str, str]


def figures(spec: UseCase, y: np.ndarray, scores: np.ndarray, rows: np.ndarray | None = None) -> Figures:
    """All metrics of the spec on these rows (default all), with bootstrap intervals at ``comparison.confidence``."""
    names = spec.metrics.names
    try:
        return _drawn(spec, names, y, scores, rows)
    except UndefinedMetricError:
        return _one_by_one(spec, names, y, scores, rows)


def _drawn(spec: UseCase, names: Sequence[str], y: np.ndarray, scores: np.ndarray, rows: np.ndarray | None) -> Figures:
    drawn = paired(y, {"model": scores}, names, RESAMPLES, spec.comparison.confidence, rows=rows)
    intervals = {name: drawn.interval(name, "model") for name in names}
    return Figures({name: interval.value for name, interval in intervals.items()}, intervals, {})


def _one_by_one(
    spec: UseCase, names: Sequence[str], y: np.ndarray, scores: np.ndarray, rows: np.ndarray | None
) -> Figures:
    result = Figures({}, {}, {})
    for name in names:
        try:
            one = _drawn(spec, [name], y, scores, rows)
        except UndefinedMetricError as error:
            result.undefined[name] = str(error)
        else:
            result.values.update(one.values)
            result.intervals.update(one.intervals)
    return result


def by_slice(spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    """One entry per value of each column of ``comparison.slices.columns``.

    ``column, value, n, enough_rows, metrics, intervals, undefined``: a metric that is undefined on a slice (one class
    only, no variance) is null there and ``undefined`` says why; ``positives`` besides for a binary task. Raises
    DataError when ``frame`` has no such column.
    """
    columns = spec.comparison.slices.columns
    if missing := [c for c in columns if c not in frame.columns]:
        raise DataError(f"slices need the columns {missing}; the rows have {list(frame.columns)}")
    return [entry for column in columns for entry in _of_column(spec, frame[column], y, scores)]


def _of_column(spec: UseCase, values: pd.Series, y: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    names = group_names(values)
    return [
        {"column": str(values.name), "value": name, **_entry(spec, y, scores, np.flatnonzero(names == name))}
        for name in sorted(set(names))
    ]


def _entry(spec: UseCase, y: np.ndarray, scores: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    entry: dict[str, Any] = {"n": len(rows), "enough_rows": len(rows) >= spec.comparison.slices.min_rows}
    if family(spec).facts.threshold is not None:
        entry["positives"] = int(y[rows].sum())
    measured, names = figures(spec, y, scores, rows), spec.metrics.names
    reach = {metric: [interval.low, interval.high] for metric, interval in measured.intervals.items()}
    return entry | {
        "metrics": {name: measured.values.get(name) for name in names},
        "intervals": {name: reach.get(name) for name in names},
        "undefined": measured.undefined,
    }
