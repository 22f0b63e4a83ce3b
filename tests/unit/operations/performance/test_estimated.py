"""The performance that is estimated before labels, on months of which the truth is known."""

from typing import Any

import numpy as np
import pytest

from include.contracts.operations import Alert, Figure
from include.contracts.period import Period
from include.operations.drift import drift
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.retraining.retraining import decide
from tests.unit.operations.estimated_worlds import BASELINE, SPEC, SPREADS, Months, answered
from tests.unit.operations.task_worlds import clustering, multiclass, regression

PERIOD = Period("2013-06")


@pytest.fixture(scope="module")
def shifting() -> Months:
    """Eight months in which the answers spread more and less, so that ranking is easier and harder."""
    lived = Months()
    for spread in SPREADS:
        lived.live(spread)
    return lived


def test_a_shift_of_difficulty_is_seen_without_labels_and_trusted_after_six_windows(shifting: Months) -> None:
    of = {(f.period, f.name): f for f in shifting.history if not f.subject}
    ends = sorted({f.period for f in shifting.history})
    inside = 0
    for end in ends:
        estimate, measured = of[end, "estimated_roc_auc"], of[end, "roc_auc"]
        assert estimate.low is not None
        assert estimate.high is not None
        inside += estimate.low <= measured.value <= estimate.high
        assert (estimate.n, of[end, "estimated_loss"].state) == (1500, estimate.state)
    assert inside >= 7, "of eight, at 95 %"
    assert [of[end, "estimate_trusted"].value for end in ends] == [0.0] * 6 + [1.0] * 2
    assert [of[end, "estimated_roc_auc"].state for end in ends] == ["provisional"] * 6 + ["judged"] * 2
    assert of[ends[0], "estimated_roc_auc"].note == "needs 6 labelled windows to be trusted, has 0"
    assert (ends[0], "estimate_error") not in of
    assert of[ends[7], "estimate_error"].value < 0.2 * of[ends[7], "last_known_error"].value
    assert of[ends[7], "estimate_error"].n == 7
    assert {of[end, "estimated_breached"].value for end in ends} == {0.0}, "labels are there, and say it themselves"


def test_a_change_of_the_concept_is_not_seen_and_takes_the_trust(shifting: Months) -> None:
    lived = Months(history=[*shifting.history], months=shifting.months)
    changed = lived.live(0.9, concept=0.1)
    assert changed["roc_auc"].value < 0.6
    assert changed["estimated_roc_auc"].value > 0.8, "the answers look as they did"
    after = lived.live(0.9, concept=0.1)
    assert after["estimate_trusted"].value == 0
    assert after["estimate_trusted"].note.startswith("not trusted: 2013-09 had 0.5")


def test_where_nothing_changes_the_last_known_metric_is_as_good() -> None:
    lived = Months()
    assert [lived.live(1.0)["estimate_trusted"].value for _ in range(8)] == [0.0] * 8


def test_a_labelled_window_is_measured_with_its_estimate() -> None:
    found = measured()
    assert found["estimated_roc_auc"].n == found["roc_auc"].n == 400
    assert found["estimated_loss"].value == pytest.approx(
        BASELINE["metrics"]["roc_auc"]["value"] - found["estimated_roc_auc"].value
    )


def test_trusted_estimates_of_two_windows_ask_for_a_retrain_while_their_labels_wait(shifting: Months) -> None:
    lived = Months(history=[*shifting.history], months=shifting.months)
    for _ in range(2):
        lived.live(1.0)
    one = lived.live(0.3, labelled=False)
    assert "roc_auc" not in one
    assert (one["estimated_breached"].value, one["estimated_breached_windows"].value) == (1, 1)
    kept = decision(lived)
    assert kept.decision == "keep"
    assert any("breached periods, by labels or by estimate: 1 of the last 3, a" in line for line in kept.evidence)
    two = lived.live(0.3, labelled=False)
    assert two["estimated_breached_windows"].value == 2
    asked = decision(lived)
    assert (asked.decision, asked.cause) == ("retrain", "covariate shift in x")
    told = " ".join(asked.evidence)
    assert "estimated without labels, the roc_auc loss of r0001 in 2013-12 is +0.2" in told
    assert "breached periods, by labels or by estimate: 2 of the last 3, a retrain needs 2" in told
    assert "the estimate is trusted: it beat the last known metric on" in told
    assert "its labels are due by 2014-01-02 05:00 UTC" in told


def test_without_an_alert_or_with_faulty_data_an_estimate_asks_for_nothing(shifting: Months) -> None:
    lived = Months(history=[*shifting.history], months=shifting.months)
    lived.live(1.0)
    for _ in range(2):
        lived.live(0.3, labelled=False)
    assert decision(lived, alerts=[]).decision == "keep"
    skew = {"name": "feature_skew", "subject": "x", "value": 0.5}
    lived.history += [lived.history[-1].model_copy(update=skew)]
    assert (decision(lived).decision, decision(lived).cause) == ("fix_data", "pipeline skew in x")


def test_an_estimate_that_is_not_trusted_is_shown_and_asks_for_nothing() -> None:
    lived = Months()
    for _ in range(6):
        lived.live(1.0)
    found = [lived.live(0.3, labelled=False) for _ in range(3)][-1]
    assert found["estimated_loss"].value > 0.1
    assert (found["estimated_loss"].state, found["estimated_breached"].value) == ("provisional", 0)
    assert decision(lived).decision == "keep"


def decision(lived: Months, **changes: Any) -> Any:
    newest = max(f.period for f in lived.history)
    alert = {
        "name": "MoebiusEstimatedLoss", "usecase": "flight_delay", "severity": "retrain", "release": "r0001",
        "period": newest, "value": 2.0, "summary": "s",
    }  # fmt: skip
    arguments = {"alerts": [Alert.model_validate(alert)], "decisions_history": [], "gate_results": []} | changes
    return decide(SPEC, figures_history=lived.history, period=newest, serving="r0001", **arguments)


def measured(**changes: Any) -> dict[str, Figure]:
    log, truth = answered(1, PERIOD, 1.0, 1.0, 400)
    given: dict[str, Any] = {"predictions": log, "events": truth, "baseline": BASELINE, "spec": SPEC} | changes
    found = measure(given.pop("spec"), "r0001", given.pop("baseline"), WindowInputs(period=PERIOD, **given))
    return {f.name if not f.subject else f"{f.name}:{f.subject}": f for f in found}


def test_a_release_without_an_estimator_and_few_rows_have_no_estimate() -> None:
    old = {name: part for name, part in BASELINE.items() if name != "estimator"}
    assert not [name for name in measured(baseline=old) if "estimate" in name]
    log, truth = answered(1, PERIOD, 1.0, 1.0, 19)
    assert not [name for name in measured(predictions=log, events=truth) if "estimate" in name]


def test_answers_that_rule_a_class_out_are_said_to_have_no_estimate() -> None:
    sure = {"calibrator": {"method": "none", "curves": [], "why": ""}, "losses": None}
    log, truth = answered(1, PERIOD, 1.0, 1.0, 400)
    found = measured(predictions=log.assign(probability=0.0), events=truth, baseline=BASELINE | {"estimator": sure})
    nothing = found["not_measured:estimated_roc_auc"]
    assert (nothing.value, nothing.state) == (400, "constant")
    assert nothing.note == "roc_auc cannot be expected: the probabilities of 400 rows rule a class out"


def test_a_test_set_of_bad_days_widens_the_interval() -> None:
    tested = BASELINE["metrics"]["roc_auc"]
    days = BASELINE | {"metrics": {"roc_auc": tested | {"effective_n": tested["n"] // 16}}}
    alone, together = (measured(baseline=one)["estimated_roc_auc"] for one in (BASELINE, days))
    assert together.value == alone.value
    widths = [one.high - one.low for one in (alone, together) if one.high is not None and one.low is not None]
    assert 3 < widths[1] / widths[0] < 4.5, "four times the scatter of labels, and that of rows"
    assert together.effective_n is not None
    assert alone.effective_n is not None
    assert together.effective_n < alone.effective_n / 8


def test_the_errors_of_numbers_are_estimated_and_clusters_have_no_estimate() -> None:
    test = regression(seed=1, n=1000)
    found = {
        f.name: f
        for f in measure(
            test.spec,
            "r0001",
            test.baseline(mae=1.0),
            WindowInputs(predictions=regression(2).log, events=regression(2).events, period=PERIOD),
        )
    }
    assert found["estimated_mae"].value == pytest.approx(1.0, abs=1e-4), "each answer is one too high or too low"
    assert found["estimated_loss"].value == pytest.approx(0.0, abs=1e-4)
    groups = clustering()
    names = {
        f.name
        for f in measure(
            groups.spec,
            "r0001",
            groups.baseline(silhouette=0.8),
            WindowInputs(predictions=groups.log, events=groups.events, period=PERIOD),
        )
    }
    assert not [name for name in names if "estimate" in name]
    assert groups.baseline()["estimator"] is None


def test_classes_are_estimated_by_the_answers_calibrated_on_the_test_set() -> None:
    """Answers of 0.8 that are right in 60 %."""
    test, later = multiclass(seed=1, n=2000, skill=0.6), multiclass(seed=2, n=500, skill=0.6)
    labelled = test.log.assign(late=test.events["late"].astype(int))
    kept = drift.baseline(test.spec, labelled, test.scores, {})
    found = measure(test.spec, "r0001", kept, WindowInputs(predictions=later.log, events=later.events, period=PERIOD))
    estimate = next(f for f in found if f.name == "estimated_accuracy")
    assert estimate.value == pytest.approx(0.6, abs=0.04)
    assert np.isfinite([f.value for f in found]).all()
    assert not [f for f in found if f.name == "estimated_loss"], "without a metric of the test set there is none"
