from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.errors import DataError
from include.evaluation import histograms
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.retraining.retraining import decide
from tests.unit.operations.monitored_world import SPEC, baseline, month


def figures(log: pd.DataFrame, truth: pd.DataFrame, **changes: Any) -> dict[tuple[str, str, str], Figure]:
    given: dict[str, Any] = {"period": Period("2013-06"), "release": "r0001", "baseline": baseline(), **changes}
    release, described = given.pop("release"), given.pop("baseline")
    found = measure(SPEC, release, described, WindowInputs(predictions=log, events=truth, **given))
    return {(f.release, f.name, f.subject): f for f in found}


def value(found: dict, name: str, subject: str = "", release: str = "r0001") -> float:
    return found[release, name, subject].value


def test_a_good_month_is_measured_and_no_breach() -> None:
    found = figures(*month(1))
    auc = found["r0001", "roc_auc", ""]
    assert auc.low is not None
    assert auc.high is not None
    assert auc.low < auc.value < auc.high
    assert value(found, "rows") == value(found, "labelled") == auc.n == 2000
    assert value(found, "duplicates") == value(found, "unmatched") == value(found, "breached") == 0
    assert value(found, "latency_p50_ms") == pytest.approx(9.995)
    assert value(found, "performance_loss") == pytest.approx(0.8 - auc.value)
    assert value(found, "psi", "x") < 0.05
    assert {"average_precision", "brier", "log_loss", "calibration_error", "label_rate"} <= {k[1] for k in found}


def test_a_lost_skill_is_a_breach_and_drift_alone_is_not() -> None:
    assert value(figures(*month(1, skill=0.2)), "breached") == 1
    drifted = figures(*month(1, shift=2.0))
    assert value(drifted, "breached") == 0
    assert value(drifted, "drifted_features") == 1
    assert value(drifted, "psi", "x") > 0.25


def test_a_loss_that_chance_explains_is_no_breach() -> None:
    found = figures(*month(1, n=60), baseline=baseline(0.86))
    assert value(found, "performance_loss") > SPEC.monitoring.performance_loss
    assert value(found, "breached") == 0


def test_windows_count_periods_of_this_release_once() -> None:
    def past(period: str, breached: float, release: str = "r0001") -> Figure:
        return Figure(usecase="flight_delay", release=release, period=period, name="breached", value=breached)

    history = [
        past("2013-03", 1), past("2013-04", 0), past("2013-04", 1), past("2013-05", 0), past("2013-05", 1, "r0009"),
        past("2013-06", 0),
    ]  # fmt: skip
    found = figures(*month(1, skill=0.2), history=history)
    assert value(found, "breached_windows") == 2
    assert found["r0001", "breached_windows", ""].n == 3


def test_duplicates_late_labels_missing_values_and_other_releases() -> None:
    log, truth = month(1)
    again = log.head(10).assign(probability=0.5, logged_at=log["logged_at"].max() + pd.Timedelta("1h"))
    other = log.tail(100).assign(release="r0002")
    broken = pd.concat([log, again, other]).assign(x=lambda f: f["x"].where(np.arange(len(f)) % 4 > 0))
    found = figures(broken, truth.head(1500))
    assert (value(found, "rows"), value(found, "duplicates")) == (2010, 10)
    assert (value(found, "labelled"), value(found, "unmatched")) == (1500, 500)
    assert value(found, "missing", "x") == pytest.approx(0.25, abs=0.01)
    assert value(found, "missing_increase") == pytest.approx(0.125, abs=0.01)


def test_other_releases_are_rescored_on_the_same_rows_whatever_their_order() -> None:
    log, truth = month(1)
    shuffled = log.sample(frac=1, random_state=0)
    found = figures(shuffled, truth, rescored={"r0000": 1 - shuffled["probability"].to_numpy()})
    assert value(found, "counterfactual_roc_auc", release="r0000") == pytest.approx(
        1 - value(found, "roc_auc"), abs=1e-9
    )


def test_a_release_is_compared_with_the_one_that_it_replaced_by_days() -> None:
    log, truth = month(1)
    better, worse = 1 - log["probability"].to_numpy(), truth["late"].to_numpy() * 0.9
    found = figures(log, truth, rescored={"r0000": better})
    gain = found["r0001", "gain_over_replaced", ""]
    assert gain.value == pytest.approx(
        value(found, "roc_auc") - value(found, "counterfactual_roc_auc", release="r0000"), abs=1e-9
    )
    assert gain.low is not None
    assert 0 < gain.low < gain.value
    assert value(found, "worse_than_replaced") == 0
    found = figures(log, truth, rescored={"r0000": worse})
    assert value(found, "gain_over_replaced") < 0
    assert value(found, "worse_than_replaced") == 1
    days = log.assign(
        event_timestamp=pd.Timestamp("2013-06-01", tz="UTC") + pd.to_timedelta(np.arange(len(log)) % 5, "h")
    )
    few = figures(days, truth, rescored={"r0000": worse})
    assert value(few, "gain_over_replaced") < 0
    assert value(few, "worse_than_replaced") == 0, "five hours are too few blocks to be sure"


def test_skew_between_served_and_stored_features() -> None:
    log, truth = month(1)
    stored = log[["flight_id", "x", "origin"]].assign(x=lambda f: f["x"].astype("float32"))
    stored.loc[:199, "origin"] = "EWR"
    found = figures(log, truth, offline=stored)
    assert (value(found, "feature_skew", "x"), value(found, "feature_skew", "origin")) == (0, 0.1)


def test_rows_without_a_lookup_are_counted_and_judged_for_nothing() -> None:
    log, truth = month(1)
    stored = log[["flight_id", "x", "origin"]]
    away = np.arange(len(log)) < 210
    served = log.assign(unavailable=np.where(away, 1, 0), x=log["x"].where(~away))
    served["probability"] = served["probability"].where(~away, 0.0)
    found = figures(served, truth, offline=stored)
    alone = figures(log[~away], truth[~away], offline=stored)
    assert (value(found, "unavailable"), found["r0001", "unavailable", ""].n) == (210, 2000)
    assert (value(found, "rows"), value(found, "labelled")) == (2000, 2000)
    counted = (
        "rows",
        "labelled",
        "unmatched",
        "not_due",
        "maturity",
        "unavailable",
        "latency_p50_ms",
        "latency_p99_ms",
    )
    for key in alone.keys() - {("r0001", name, "") for name in counted}:
        assert found[key] == alone[key], key
    assert value(found, "feature_skew", "x") == 0
    nothing = figures(served.assign(unavailable=2), truth, offline=stored)
    assert {k[1] for k in nothing} >= {"rows", "unavailable", "labelled"}
    assert ("r0001", "feature_skew", "x") not in nothing


def test_no_labels_yet_and_no_predictions_give_what_is_known() -> None:
    log, truth = month(1)
    found = figures(log, truth.head(0))
    assert value(found, "unmatched") == 2000
    assert ("r0001", "roc_auc", "") not in found
    assert {k[1] for k in figures(log, truth, release="r0007")} == {"rows", "duplicates"}


def test_what_does_not_fit_is_refused() -> None:
    log, truth = month(1)
    with pytest.raises(DataError, match=r"the prediction log of flight_delay lacks the columns \['probability'\]"):
        figures(log.drop(columns="probability"), truth)
    with pytest.raises(DataError, match="the baseline belongs to use case 'other'"):
        figures(log, truth, baseline=baseline() | {"usecase": "other"})
    with pytest.raises(DataError, match="3 rescored rows of r0000 for 2000 predictions"):
        figures(log, truth, rescored={"r0000": np.zeros(3)})


NOW = datetime(2013, 7, 1, 6, tzinfo=UTC)


def dated(share_not_due: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A month whose last events' labels (24 hours after) are due after ``NOW``; nobody knows those yet."""
    log, truth = month(1)
    waits = np.arange(len(log)) >= (1 - share_not_due) * len(log)
    times = np.where(waits, NOW - pd.Timedelta("23h"), NOW - pd.Timedelta("25h"))
    log = log.assign(event_timestamp=pd.to_datetime(times, utc=True))
    return log, truth.assign(late=truth["late"].where(~waits))


def test_a_label_that_is_not_due_yet_is_not_missing() -> None:
    log, truth = dated(0.4)
    found = figures(log, truth, as_of=NOW)
    assert (value(found, "labelled"), value(found, "unmatched"), value(found, "not_due")) == (1200, 0, 800)
    assert value(found, "maturity") == 1
    assert found["r0001", "roc_auc", ""].n == 1200
    plan = decide(
        SPEC, alerts=[], figures_history=[*found.values()], decisions_history=[], gate_results=[],
        period=Period("2013-06"), serving="r0001",
    )  # fmt: skip
    assert plan.decision == "keep"


def test_a_label_that_is_due_and_never_came_is_missing() -> None:
    log, truth = dated(0.4)
    later = NOW + pd.Timedelta("2h")
    found = figures(log, truth, as_of=later)
    assert (value(found, "labelled"), value(found, "unmatched"), value(found, "not_due")) == (1200, 800, 0)
    assert value(found, "maturity") == 0.6
    plan = decide(
        SPEC, alerts=[], figures_history=[*found.values()], decisions_history=[], gate_results=[],
        period=Period("2013-06"), serving="r0001",
    )  # fmt: skip
    assert (plan.decision, plan.cause) == ("fix_data", "data fault in ground truth")
    assert plan.evidence[0] == "800 of 2000 labels that are due never came"


def test_a_label_that_came_before_its_time_or_after_the_look_is_not_counted() -> None:
    log, truth = dated(0.4)
    everything = truth.assign(late=month(1)[1]["late"])
    assert value(figures(log, everything, as_of=NOW), "labelled") == 1200
    known_later = everything.assign(label_timestamp=NOW + pd.Timedelta("1h"))
    assert value(figures(log, known_later, as_of=NOW), "labelled") == 0
    assert value(figures(log, known_later, as_of=NOW), "unmatched") == 1200


def test_when_no_label_is_due_there_is_no_maturity() -> None:
    found = figures(*dated(1.0), as_of=NOW)
    assert (value(found, "not_due"), value(found, "unmatched")) == (2000, 0)
    assert ("r0001", "maturity", "") not in found
    times = dated(1.0)[0][["flight_id", "event_timestamp"]]
    log, truth = month(1)
    assert value(figures(log, truth.merge(times, on="flight_id"), as_of=NOW), "not_due") == 2000, "by the events' time"


@pytest.mark.parametrize(("offset", "spread", "skew"), [(1e8, 2.0, 1.0), (1e8, 2.0, 1000.0), (0.0, 1e-9, 1e-9)])
def test_a_skew_is_judged_by_the_spread_of_the_feature_not_by_its_offset(
    offset: float, spread: float, skew: float
) -> None:
    log, truth = month(1)
    log["x"] = offset + spread * log["x"]
    described = baseline(0.8)
    described["features"]["x"] = histograms.numeric(log["x"])
    stored = log[["flight_id", "x"]].copy()
    assert value(figures(log, truth, baseline=described, offline=stored), "feature_skew", "x") == 0
    stored.loc[:199, "x"] += skew
    assert value(figures(log, truth, baseline=described, offline=stored), "feature_skew", "x") == 0.1
