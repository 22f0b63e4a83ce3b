"""Metrics per slice of the data, with intervals that draw the blocks of ``comparison.block``, as a verdict does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.evaluation import Interval
from include.errors import DataError, UndefinedMetricError
from include.evaluation.blocks import Blocks, blocks_of
from include.evaluation.bootstrap import paired
from include.evaluation.fairness import group_names
from include.families.registry import family
from include.specification.usecase import UseCase

RESAMPLES = 300
"""Of a slice; all rows are drawn as often as in a verdict."""


@dataclass(frozen=True)
class Figures:
    """Metrics of some rows by name, their intervals, and why one is undefined there."""

    values: dict[str, float]
    intervals: dict[str, Interval]
    undefined: dict[str, str]


def figures(spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> Figures:
    """All metrics of the spec on these rows, with bootstrap intervals at ``comparison.confidence``."""
    return _figures(spec, y, scores, blocks_of(spec, frame), None, spec.comparison.resamples)


def _figures(
    spec: UseCase, y: np.ndarray, scores: np.ndarray, blocks: Blocks, rows: np.ndarray | None, resamples: int
) -> Figures:
    def draw(names: Sequence[str]) -> Figures:
        drawn = paired(y, {"model": scores}, names, resamples, spec.comparison.confidence, rows=rows, blocks=blocks)
        intervals = {name: drawn.interval(name, "model") for name in names}
        values = {name: interval.value for name, interval in intervals.items()}
        return Figures(values, intervals if drawn.independent > 1 else {}, {})  # one block alone does not scatter

    try:
        return draw(spec.metrics.names)
    except UndefinedMetricError:
        return _one_by_one(spec.metrics.names, draw)


def _one_by_one(names: Sequence[str], draw: Callable[[Sequence[str]], Figures]) -> Figures:
    result = Figures({}, {}, {})
    for name in names:
        try:
            one = draw([name])
        except UndefinedMetricError as error:
            result.undefined[name] = str(error)
        else:
            result.values.update(one.values)
            result.intervals.update(one.intervals)
    return result


def by_slice(spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    """One entry per value of each column of ``comparison.slices.columns``.

    ``column, value, n, enough_rows, metrics, intervals, undefined``: ``enough_rows`` are so many rows in so many blocks
    as a verdict judges a slice on; a metric that is undefined on a slice (one class
    only, no variance) is null there and ``undefined`` says why; ``positives`` besides for a binary task. Raises
    DataError when ``frame`` has no such column.
    """
    columns = spec.comparison.slices.columns
    if missing := [c for c in columns if c not in frame.columns]:
        raise DataError(f"slices need the columns {missing}; the rows have {list(frame.columns)}")
    blocks = blocks_of(spec, frame)
    return [entry for column in columns for entry in _of_column(spec, frame[column], y, scores, blocks)]


def _of_column(
    spec: UseCase, values: pd.Series, y: np.ndarray, scores: np.ndarray, blocks: Blocks
) -> list[dict[str, Any]]:
    names = group_names(values)
    return [
        {"column": str(values.name), "value": name, **_entry(spec, y, scores, blocks, np.flatnonzero(names == name))}
        for name in sorted(set(names))
    ]


def _entry(spec: UseCase, y: np.ndarray, scores: np.ndarray, blocks: Blocks, rows: np.ndarray) -> dict[str, Any]:
    enough = len(rows) >= spec.comparison.slices.min_rows and blocks.of(rows).enough
    entry: dict[str, Any] = {"n": len(rows), "enough_rows": enough}
    if family(spec).facts.threshold is not None:
        entry["positives"] = int(y[rows].sum())
    measured, names = _figures(spec, y, scores, blocks, rows, RESAMPLES), spec.metrics.names
    reach = {metric: [interval.low, interval.high] for metric, interval in measured.intervals.items()}
    return entry | {
        "metrics": {name: measured.values.get(name) for name in names},
        "intervals": {name: reach.get(name) for name in names},
        "undefined": measured.undefined,
    }
