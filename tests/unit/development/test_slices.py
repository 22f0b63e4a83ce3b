"""Slices: counted, with intervals; what is undefined on a slice is said; a missing value is a slice."""

import numpy as np
import pandas as pd
import pytest

from include.development.slices import by_slice, figures
from include.errors import DataError
from tests.unit.development.tasks import task_parts, task_spec


def test_every_row_is_in_one_slice_of_a_column() -> None:
    spec = task_spec("binary")
    model, parts = task_parts(spec)
    frame, y = parts.frames["test"], parts.truth["test"]
    frame.loc[:29, "place"] = None
    slices = {one["value"]: one for one in by_slice(spec, frame, y, model.predict(frame))}
    assert set(slices) == {"(missing)", "here", "there", "nowhere"}
    assert sum(one["n"] for one in slices.values()) == len(frame)
    assert sum(one["positives"] for one in slices.values()) == y.sum()
    low, high = slices["here"]["intervals"]["roc_auc"]
    assert low < slices["here"]["metrics"]["roc_auc"] < high
    assert slices["(missing)"]["enough_rows"]
    assert not slices["nowhere"]["enough_rows"]


def test_a_metric_that_is_undefined_on_a_slice_says_why() -> None:
    spec = task_spec("binary")
    y, p = np.array([True] * 30 + [False, True] * 15), np.linspace(0.1, 0.9, 60)
    frame = pd.DataFrame({"place": ["here"] * 30 + ["there"] * 30})
    here, there = by_slice(spec, frame, y, p)
    assert (here["metrics"]["roc_auc"], here["intervals"]["roc_auc"]) == (None, None)
    assert "roc_auc of model is undefined" in here["undefined"]["roc_auc"]
    assert here["metrics"]["brier"] == pytest.approx(np.mean((1 - p[:30]) ** 2))
    assert there["undefined"] == {}


def test_a_cluster_is_judged_within_the_clustering_of_all_rows() -> None:
    spec = task_spec("clustering")
    model, parts = task_parts(spec)
    y, scores = parts.truth["test"], model.predict(parts.frames["test"])
    one_cluster = np.flatnonzero(scores.argmax(axis=1) == 0)
    assert -1 < figures(spec, y, scores, one_cluster).values["silhouette"] < 1


def test_an_unknown_column_is_named() -> None:
    spec = task_spec("binary")
    with pytest.raises(DataError, match=r"slices need the columns \['place'\]; the rows have \['gate'\]"):
        by_slice(spec, pd.DataFrame({"gate": ["a"]}), np.array([True]), np.array([0.5]))
