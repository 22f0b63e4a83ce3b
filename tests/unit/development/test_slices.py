"""Slices: counted, with intervals; what is undefined on a slice is said; a missing value is a slice."""

import numpy as np
import pandas as pd
import pytest

from include.development.slices import by_slice, figures
from include.errors import DataError
from include.evaluation.blocks import blocks_of
from include.evaluation.bootstrap import paired
from include.specification.usecase import UseCase
from tests.unit.development.tasks import task_parts, task_spec


def test_every_row_is_in_one_slice_of_a_column() -> None:
    spec = task_spec("binary")
    model, parts = task_parts(spec)
    frame, y = parts.frames["test"], parts.truth["test"]
    frame.loc[::8, "place"] = None
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
    frame = parts.frames["test"].assign(place=np.where(scores.argmax(axis=1) == 0, "one cluster", "the others"))
    one, _ = by_slice(spec, frame, y, scores)
    assert -1 < one["metrics"]["silhouette"] < 1


def by_days(spec: UseCase) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Of the rows of a day all are late or none is, as in a storm."""
    days = np.repeat(np.arange(20), 12)
    times = pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    late, noise = days % 2 == 0, np.random.default_rng(0).normal(size=240)
    frame = pd.DataFrame({spec.event.time: times, "place": np.where(days < 15, "here", "there")})
    return frame, late, 1 / (1 + np.exp(-(late * 0.8 + days % 3 - 1 + noise)))


def test_intervals_are_those_of_a_verdict_and_not_of_rows_that_were_independent() -> None:
    spec = task_spec("binary")
    frame, y, scores = by_days(spec)
    of_verdict = paired(y, {"x": scores}, ["roc_auc"], 1000, spec.comparison.confidence, blocks=blocks_of(spec, frame))
    by_rows = paired(y, {"x": scores}, ["roc_auc"], 1000, spec.comparison.confidence).interval("roc_auc", "x")
    mine = figures(spec, frame, y, scores).intervals["roc_auc"]
    assert mine == of_verdict.interval("roc_auc", "x")
    assert mine.high - mine.low > 1.5 * (by_rows.high - by_rows.low)


def test_rows_of_few_days_are_too_few_to_judge_a_slice_and_of_one_day_there_is_no_interval() -> None:
    spec = task_spec("binary")
    frame, y, scores = by_days(spec)
    here, there = by_slice(spec, frame, y, scores)
    assert here["enough_rows"]
    assert not there["enough_rows"]
    one_hour = frame.assign(**{spec.event.time: frame[spec.event.time].iloc[0]})
    found = figures(spec, one_hour, y, scores)
    assert (found.intervals, set(found.values)) == ({}, set(spec.metrics.names))


def test_an_unknown_column_is_named() -> None:
    spec = task_spec("binary")
    with pytest.raises(DataError, match=r"slices need the columns \['place'\]; the rows have \['gate'\]"):
        by_slice(spec, pd.DataFrame({"gate": ["a"]}), np.array([True]), np.array([0.5]))
