"""Slices: counts, missing values, and slices that cannot be judged."""

import numpy as np
import pandas as pd
import pytest

from include.development.slices import slice_metrics
from include.errors import DataError

FRAME = pd.DataFrame({"origin": ["EWR", "EWR", "JFK", None, "JFK"]})
Y, P = np.array([0, 1, 1, 0, 1]), np.array([0.2, 0.7, 0.6, 0.1, 0.9])


def test_slices_are_counted_and_judged() -> None:
    missing, ewr, jfk = slice_metrics(FRAME, Y, P, columns=["origin"], metrics=["roc_auc"], min_rows=2)
    assert ewr == {
        "column": "origin",
        "value": "EWR",
        "n": 2,
        "positives": 1,
        "metrics": {"roc_auc": 1.0},
        "enough_rows": True,
    }
    assert (jfk["n"], jfk["metrics"]) == (2, {"roc_auc": None}), "one class only"
    assert (missing["value"], missing["enough_rows"]) == ("(missing)", False)


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(DataError, match=r"slices need the columns \['gate'\]"):
        slice_metrics(FRAME, Y, P, columns=["gate"], metrics=["roc_auc"], min_rows=2)
