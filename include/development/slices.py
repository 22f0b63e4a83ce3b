"""Metrics per slice of the data: who is served worse than the rest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.errors import DataError
from include.evaluation.metrics import score

MISSING = "(missing)"


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
    return [entry for column in columns for entry in _of_column(frame[column], y, p, metrics, min_rows)]


def _of_column(
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
