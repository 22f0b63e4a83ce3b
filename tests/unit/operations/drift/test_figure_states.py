"""What figures are worth: too few rows or blocks, labels that are not due, one value, metrics without a value."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.evaluation import histograms
from include.operations.drift import drift_figures
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.performance.losses import Confirmation
from include.operations.windows.release_history import History
from tests.unit.operations.monitored_world import SPEC, baseline, month
from tests.unit.operations.simulated_drift import Unchanged
from tests.unit.operations.task_worlds import clustering

TIME, PERIOD = SPEC.event.time, Period("2013-06")
LATER = datetime(2013, 9, 1, tzinfo=UTC)


def figures(log: pd.DataFrame, truth: pd.DataFrame, as_of: datetime = LATER) -> dict[tuple[str, str], Figure]:
    found = measure(SPEC, "r0001", baseline(), WindowInputs(predictions=log, events=truth, period=PERIOD, as_of=as_of))
    return {(f.name, f.subject): f for f in found}


def spread_over(log: pd.DataFrame, days: int) -> pd.DataFrame:
    place = np.arange(len(log)) * days // len(log)
    return log.assign(**{TIME: pd.Timestamp("2013-06-01 16:00", tz="UTC") + pd.to_timedelta(place, "D")})


def test_a_metric_by_days_has_effective_rows_and_is_judged() -> None:
    log, truth = month(1, skill=0.2)
    found = figures(spread_over(log, 20), truth)
    auc = found["roc_auc", ""]
    assert (auc.n, auc.state, auc.note) == (2000, "judged", "")
    assert auc.effective_n is not None
    assert 1 <= auc.effective_n <= 2000
    assert found["performance_loss", ""].effective_n == auc.effective_n
    assert found["breached", ""].value == 1


def test_days_that_are_good_or_bad_as_a_whole_make_intervals_wider() -> None:
    log, truth = month(1)
    log = spread_over(log, 20)
    bad = (pd.to_datetime(log[TIME]).dt.day % 2 == 0).to_numpy()
    mixed = figures(log, truth.assign(late=truth["late"].where(~bad, 1 - truth["late"])))
    alike = figures(log, truth.assign(late=truth["late"].where(np.arange(2000) % 2 == 0, 1 - truth["late"])))
    for name in ("roc_auc", "calibration_error", "label_rate"):
        few, many = mixed[name, ""], alike[name, ""]
        assert few.effective_n is not None
        assert many.effective_n is not None
        assert few.effective_n < 600, name
        assert many.effective_n > 1200, name
    assert mixed["calibration_error", ""].floor > 1.5 * alike["calibration_error", ""].floor  # type: ignore[operator]


def test_of_too_few_blocks_no_loss_is_a_breach() -> None:
    log, truth = month(1, skill=0.2)
    found = figures(spread_over(log, 4), truth)
    for name in ("roc_auc", "performance_loss", "breached"):
        assert (found[name, ""].state, found[name, ""].note) == ("too few", "needs 10 hours, has 4")
    loss = found["performance_loss", ""]
    assert found["breached", ""].value == 0
    assert loss.low is not None
    assert loss.low > 0, "by rows it would be one"
    confirmation = Confirmation.of(SPEC, History([*found.values()], SPEC.name, "r0001", PERIOD), PERIOD)
    assert not confirmation.confirmed
    assert "not judged, no breach (needs 10 hours, has 4)" in confirmation.sentence


def test_drift_of_too_few_blocks_counts_for_nothing() -> None:
    world = Unchanged(600)
    window = world.window(0)
    hours = window.asked.assign(**{TIME: window.asked[TIME].min(), "x0": 9.0})
    spec = world.spec.model_copy(update={"comparison": world.spec.comparison.model_copy(update={"block": None})})
    few = drift_figures.with_drifts(replace(window, asked=hours, scope=replace(window.scope, spec=spec)))
    found = {(f.name, f.subject): f for f in drift_figures.inputs(few)}
    assert found["psi", "x0"].value > 1
    assert (found["psi", "x0"].state, found["psi", "x0"].note) == ("too few", "needs 10 hours, has 1")
    assert (found["drifted_features", ""].value, found["drifted_features", ""].state) == (0, "too few")
    assert found["unclear_features", ""].value == 1


def test_a_window_of_one_day_is_judged_by_how_different_days_are() -> None:
    """Its hours say nothing about that: by them alone each day would drift."""
    world, found = Unchanged(3000, of_day=0.6), []
    spec = world.spec.model_copy(update={"comparison": world.spec.comparison.model_copy(update={"block": None})})
    for seed in range(8):
        window, random = world.window(seed), np.random.default_rng(seed)
        noon = pd.Timestamp("2013-07-01 05:00", tz="UTC")
        moments = noon + pd.to_timedelta(random.integers(0, 20, 3000), "h")
        one = window.asked.assign(**{TIME: moments, "x0": random.normal(size=3000) + 0.6 * random.normal()})
        day = drift_figures.with_drifts(replace(window, asked=one, scope=replace(window.scope, spec=spec)))
        assert day.asked_blocks.unit == "hour"
        psi = next(f for f in drift_figures.inputs(day) if f.name == "psi")
        assert psi.state == "judged"
        found.append(psi)
    assert sum(not psi.is_noise for psi in found) <= 1
    assert max(psi.effective_n or 0 for psi in found) < 300


def test_a_release_without_counts_by_block_is_judged_by_rows_and_says_so() -> None:
    window = Unchanged(600).window(0)
    earlier = drift_figures.with_drifts(
        replace(window, baseline={k: v for k, v in window.baseline.items() if k != "blocks"})
    )
    psi = next(f for f in drift_figures.inputs(earlier) if f.name == "psi")
    assert (psi.state, psi.note) == ("judged", "judged by rows: the release has no counts by block")
    assert psi.effective_n == psi.n


def test_a_feature_with_one_value_is_constant_and_asked_about_by_nobody() -> None:
    world = Unchanged(600, features=2)
    window = world.window(0)
    described = histograms.numeric(pd.Series([7.0] * 3000)) | {"by_block": ";".join(["0 100 0 0 0"] * 30)}
    still = replace(
        window,
        baseline={**window.baseline, "features": {**window.baseline["features"], "x1": described}},
        asked=window.asked.assign(x1=7.0),
    )
    found = {(f.name, f.subject): f for f in drift_figures.inputs(drift_figures.with_drifts(still))}
    assert (found["psi", "x1"].value, found["psi", "x1"].state) == (0, "constant")
    assert found["psi", "x0"].state == "judged"
    assert len(drift_figures.with_drifts(still).drifts.p_values) == 1
    moved = drift_figures.with_drifts(replace(still, asked=still.asked.assign(x1=8.0)))
    changed = {(f.name, f.subject): f for f in drift_figures.inputs(moved)}["psi", "x1"]
    assert changed.state == "judged"
    assert changed.beyond(0.25)


def test_figures_of_labels_are_provisional_until_all_are_due() -> None:
    log, truth = month(1)
    early = np.arange(len(log)) < 1250
    log = log.assign(**{TIME: pd.Timestamp("2013-06-20", tz="UTC") + pd.to_timedelta(np.where(early, 0, 5), "D")})
    hours = log.assign(**{TIME: log[TIME] + pd.to_timedelta(np.arange(len(log)) % 12, "h")})
    found = figures(hours, truth, datetime(2013, 6, 22, tzinfo=UTC))
    for name in ("roc_auc", "calibration_error", "label_rate", "performance_loss", "breached"):
        assert (found[name, ""].state, found[name, ""].note) == ("provisional", "62 % of labels due"), name
    assert found["psi", "x"].state == "judged"


def test_a_metric_without_a_value_is_not_left_out() -> None:
    log, truth = month(1)
    few = figures(log.head(7), truth.head(7))["not_measured", "roc_auc"]
    assert (few.value, few.n, few.state, few.note) == (7, 7, "too few", "needs 20 labelled rows, has 7")
    one = figures(log, truth.assign(late=(np.arange(2000) < 4).astype(int)))["not_measured", "roc_auc"]
    assert one.note.startswith("needs 10 labelled rows of each class, has 4 of ")
    world = clustering()
    collapsed = world.log.assign(scores=[[1.0, 0.0, 0.0]] * 300)
    described = clustering(seed=2).baseline(silhouette=0.85)
    found = measure(
        world.spec, "r0001", described, WindowInputs(predictions=collapsed, events=world.events, period=PERIOD)
    )
    none = next(f for f in found if f.name == "not_measured")
    assert (none.subject, none.value, none.note) == ("silhouette", 300, "rows are in one cluster")


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_calibration_error_is_beside_what_chance_makes_of_it(shift: float) -> None:
    log, truth = month(1)
    logit = np.log(log["probability"] / (1 - log["probability"])) + shift
    error = figures(spread_over(log.assign(probability=1 / (1 + np.exp(-logit))), 20), truth)["calibration_error", ""]
    assert error.is_noise == (shift == 0)
    assert error.floor is not None
    assert error.floor < 0.08


def test_false_alarms_are_expected_with_their_arithmetic() -> None:
    few, many = ({f.name: f for f in drift_figures.inputs(Unchanged(n, "row", 3).window(1))} for n in (50, 2000))
    assert 0 < few["expected_false_alarms"].value <= 0.05 * 30 / 30 * 1.01
    assert many["expected_false_alarms"].value < 1e-6
    assert few["expected_false_alarms"].note.startswith("1 windows in 30 days, each at most min(0.05: 3 of 3 beyond")
