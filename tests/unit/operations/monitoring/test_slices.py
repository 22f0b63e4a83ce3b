"""Figures by slice: which slice is worse, which has drifted, and of which too little is known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.evaluation import Interval
from include.contracts.operations import Figure, SliceFigure
from include.contracts.period import Period
from include.operations.drift import drift
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.operations.monitored_world import month

AIRPORTS = ["EWR", "JFK", "LGA"]
SPEC = small_spec(comparison={"slices": {"columns": ["origin"], "margin": 0.05, "min_rows": 300}})
Measured = tuple[list[Figure], dict[tuple[str, str, str], SliceFigure]]


def world(seed: int, n: int = 3000, airports: list[str] = AIRPORTS) -> tuple[pd.DataFrame, pd.DataFrame]:
    log, truth = month(seed, n)
    return log.assign(origin=np.random.default_rng(seed).choice(airports, n)), truth


def described(spec: UseCase = SPEC) -> dict[str, Any]:
    log, truth = world(0, 6000)
    interval = Interval(value=0.8, low=0.79, high=0.81, n=6000)
    return drift.baseline(spec, log.assign(late=truth["late"]), log["probability"].to_numpy(), {"roc_auc": interval})


BASELINE = described()


def measured(
    log: pd.DataFrame, truth: pd.DataFrame, spec: UseCase = SPEC, baseline: Any = None, **how: Any
) -> Measured:
    by_slice = list[SliceFigure]()
    figures = measure(
        spec,
        "r0001",
        baseline or BASELINE,
        WindowInputs(predictions=log, events=truth, period=Period("2013-06"), keep_slices=by_slice.extend, **how),
    )
    return figures, {(f.slice_value, f.name, f.subject): f for f in by_slice}


def beyond(figures: list[Figure]) -> Figure:
    [found] = [figure for figure in figures if figure.name == "slices_beyond"]
    return found


def test_the_slices_of_a_good_month_are_measured_and_none_is_worse() -> None:
    log, truth = world(1)
    figures, slices = measured(log, truth)
    assert (beyond(figures).value, beyond(figures).subject, beyond(figures).n) == (0, "origin", 3000)
    for airport in AIRPORTS:
        rows = int((log["origin"] == airport).sum())
        assert slices[airport, "rows", ""].n == slices[airport, "labelled", ""].value == rows
        auc = slices[airport, "roc_auc", ""]
        assert auc.low < auc.value < auc.high
        assert auc.n == rows
        assert auc.state == "judged"
        assert slices[airport, "drifted_features", ""].value == 0
        assert slices[airport, "psi", "x"].floor > 0
        assert (airport, "psi", "origin") not in slices, "a slice has one value of its column"
        assert {"calibration_error", "label_rate"} <= {name for value, name, _ in slices if value == airport}


def test_a_slice_that_lost_its_skill_is_beyond_and_named() -> None:
    log, truth = world(2)
    lost = (log["origin"] == "LGA").to_numpy()
    truth.loc[lost, "late"] = np.random.default_rng(2).permutation(truth.loc[lost, "late"])
    figures, slices = measured(log, truth)
    assert beyond(figures).value == 1
    assert beyond(figures).note == "worse than the whole: LGA"
    assert slices["LGA", "roc_auc", ""].high < slices["JFK", "roc_auc", ""].low


def test_a_slice_that_drifted_is_found_where_the_others_did_not() -> None:
    log, truth = world(3)
    log.loc[log["origin"] == "EWR", "x"] += 1.5
    _, slices = measured(log, truth)
    assert {airport: slices[airport, "drifted_features", ""].value for airport in AIRPORTS} == {
        "EWR": 1, "JFK": 0, "LGA": 0,
    }  # fmt: skip
    assert slices["EWR", "drifted_features", ""].note == "x"
    assert slices["EWR", "psi", "x"].value > 0.25 > slices["JFK", "psi", "x"].value


def test_a_slice_is_compared_with_itself_in_the_test_set() -> None:
    """Rows of one airport differ from the others without having drifted."""

    def differing(seed: int, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        log, truth = world(seed, n)
        return log.assign(x=log["x"] + 2.0 * (log["origin"] == "JFK")), truth

    log, truth = differing(0, 6000)
    interval = Interval(value=0.8, low=0.79, high=0.81, n=6000)
    known = drift.baseline(SPEC, log.assign(late=truth["late"]), log["probability"].to_numpy(), {"roc_auc": interval})
    _, slices = measured(*differing(1, 3000), baseline=known)
    assert slices["JFK", "psi", "x"].value < slices["JFK", "psi", "x"].floor


def test_of_few_rows_the_need_is_said_and_nothing_is_measured() -> None:
    log, truth = world(4)
    log.loc[:99, "origin"] = "NEW"
    log.loc[100:119, "origin"] = None
    _, slices = measured(log, truth)
    assert slices["unseen", "rows", ""].state == "too few"
    assert slices["unseen", "rows", ""].note == "needs 300 rows, has 100"
    unmeasured = slices["unseen", "not_measured", "roc_auc"]
    assert (unmeasured.value, unmeasured.state) == (100, "too few")
    assert unmeasured.note == "needs 300 rows with labels, has 100"
    assert slices["missing", "rows", ""].value == 20
    assert not {name for value, name, _ in slices if value == "unseen"} & {"psi", "roc_auc", "calibration_error"}


def test_a_slice_of_one_class_says_that_its_metric_has_no_value() -> None:
    log, truth = world(5)
    truth.loc[log["origin"] == "JFK", "late"] = 0
    figures, slices = measured(log, truth)
    assert slices["JFK", "not_measured", "roc_auc"].note == "needs 10 rows of each class, has 0 of class 1"
    assert beyond(figures).value == 0


def test_days_are_drawn_as_a_whole_and_the_effective_rows_are_said() -> None:
    log, truth = world(6)
    log[SPEC.event.time] = pd.date_range("2013-06-01", "2013-06-30", periods=len(log), tz="UTC")
    bad = (log[SPEC.event.time].dt.day % 3 == 0).to_numpy()
    truth.loc[bad, "late"] = np.random.default_rng(6).permutation(truth.loc[bad, "late"])
    _, slices = measured(log, truth, as_of=pd.Timestamp("2014-01-01", tz="UTC"))
    auc = slices["JFK", "roc_auc", ""]
    assert auc.effective_n < auc.n


def test_a_number_is_sliced_by_the_bins_of_the_release() -> None:
    spec = small_spec(monitoring={"slices": ["x"]}, comparison={"slices": {"columns": [], "min_rows": 50}})
    figures, slices = measured(*world(7), spec=spec, baseline=described(spec))
    values = {value for value, _, _ in slices}
    assert len(values - {"unseen"}) == 10
    assert any(value.startswith("below -1.") for value in values)
    assert beyond(figures).subject == "x"


def test_a_column_of_events_is_sliced_by_and_an_older_release_says_that_it_knows_none() -> None:
    spec = small_spec(monitoring={"slices": ["carrier"]})
    log, truth = world(8)
    truth = truth.assign(carrier=np.random.default_rng(8).choice(["AA", "UA"], len(truth)))
    with_carrier = log.assign(late=truth["late"], carrier=truth["carrier"])
    known = drift.baseline(spec, with_carrier, log["probability"].to_numpy(), {})
    _, slices = measured(log, truth, spec=spec, baseline=known)
    assert {value for value, _, _ in slices} == {"AA", "UA"}
    figures, none = measured(log, truth, spec=spec, baseline={n: v for n, v in known.items() if n != "slices"})
    assert (none, beyond(figures).state) == ({}, "too few")
    assert "next release" in beyond(figures).note


def test_figures_are_provisional_while_labels_are_not_due() -> None:
    log, truth = world(9)
    log[SPEC.event.time] = pd.date_range("2013-06-01", periods=len(log), freq="10min", tz="UTC")
    at = {"as_of": log[SPEC.event.time].iloc[2000].to_pydatetime() + pd.Timedelta("24h")}
    figures, slices = measured(log, truth, **at)
    assert slices["JFK", "roc_auc", ""].state == beyond(figures).state == "provisional"
    assert beyond(figures).note == "66 % of labels due"


@pytest.mark.parametrize("levels", [10_000])
def test_many_levels_are_a_bounded_number_of_slices(levels: int) -> None:
    share = 1 / np.arange(1, levels + 1)
    random = np.random.default_rng(10)
    (log, truth), (before, was) = world(10, 4000), world(11, 4000)
    for rows in (log, before):
        rows["origin"] = [f"o{code}" for code in random.choice(levels, len(rows), p=share / share.sum())]
    known = drift.baseline(SPEC, before.assign(late=was["late"]), before["probability"].to_numpy(), {})
    _, slices = measured(log, truth, baseline=known)
    values = {value for value, _, _ in slices}
    assert len(values) <= 53
    assert {"other", "unseen"} <= values
    assert sum(figure.value for (_, name, _), figure in slices.items() if name == "rows") == 4000
