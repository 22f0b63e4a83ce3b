from typing import Any

import pytest

from include.contracts.evaluation import Verdict
from include.contracts.operations import Alert, Figure, RetrainPlan
from include.contracts.period import Period
from include.contracts.quality import CheckOutcome, GateResult
from include.operations.retraining import decide
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec()


def alert(name: str = "MoebiusPerformanceLoss", severity: Any = "retrain") -> Alert:
    return Alert(
        name=name, usecase="flight_delay", severity=severity, release="r0001", period="2013-06", value=2.0, summary="s"
    )


def figure(period: str, name: str, value: float, subject: str = "", release: str = "r0001") -> Figure:
    return Figure(
        usecase="flight_delay", release=release, period=period, name=name, value=value, subject=subject,
        low=value - 0.01, high=value + 0.01, n=8000,
    )  # fmt: skip


def month(period: str, auc: float, psi: dict[str, float] | None = None, **figures: float) -> list[Figure]:
    loss = 0.707 - auc
    plain = {
        "rows": 8000, "labelled": 8000, "unmatched": 0, "missing_share": 0.02, "missing_increase": 0.0, "roc_auc": auc,
        "performance_loss": loss, "breached": float(loss > 0.03), "label_rate": 0.25,
    } | figures  # fmt: skip
    drifts = [figure(period, "psi", v, n) for n, v in (psi or {"temp": 3.0, "x": 0.01}).items()]
    return [figure(period, n, v) for n, v in plain.items()] + drifts


SPRING = [*month("2013-04", 0.641), *month("2013-05", 0.700)]


def plan(history: list[Figure], **changes: Any) -> RetrainPlan:
    arguments: dict[str, Any] = {
        "alerts": [alert()], "decisions_history": [], "gate_results": [], "period": Period("2013-06"),
    } | changes  # fmt: skip
    return decide(arguments.pop("spec", SPEC), figures_history=history, **arguments)


def test_a_confirmed_loss_retrains_on_everything_before_the_newest_labelled_month() -> None:
    found = plan([*SPRING, *month("2013-06", 0.666)])
    assert found.decision == "retrain"
    assert (found.train_from, found.train_to, found.test_period) == ("2013-01", "2013-05", "2013-06")
    assert any("2013-06: roc_auc 0.666" in line for line in found.evidence)
    assert "2013-01 to 2013-05" in found.action


def test_what_drifted_in_good_months_too_is_no_cause() -> None:
    found = plan([*SPRING, *month("2013-06", 0.666)])
    assert found.cause == "concept change"
    assert any("drift of temp does not explain the loss" in line for line in found.evidence)


def test_a_feature_that_drifted_only_now_is_the_cause() -> None:
    found = plan([*SPRING, *month("2013-06", 0.666, {"temp": 3.0, "x": 0.9, "dewp": 2.0})])
    assert found.cause == "covariate shift in dewp, x"


def test_a_feature_hardly_more_drifted_than_in_good_months_is_no_cause() -> None:
    spring = [*month("2013-04", 0.641), *month("2013-05", 0.700, {"x": 0.2})]
    assert plan([*spring, *month("2013-06", 0.666, {"x": 0.26})]).cause == "concept change"


def test_label_shift_and_staleness_are_told_apart() -> None:
    assert plan([*SPRING, *month("2013-06", 0.666, label_rate=0.35)]).cause == "label shift"
    sinking = [*month("2013-04", 0.700), *month("2013-05", 0.675), *month("2013-06", 0.650)]
    assert plan(sinking).cause == "staleness"


def shares(period: str, auc: float, a: float, n: int = 8000) -> list[Figure]:
    of_classes = [figure(period, "label_share", v, c).model_copy(update={"n": n}) for c, v in (("a", a), ("b", 1 - a))]
    return [f for f in month(period, auc) if f.name != "label_rate"] + of_classes


def test_a_changed_share_of_a_class_is_a_label_shift_unless_chance_explains_it() -> None:
    spring = [*SPRING, *shares("2013-05", 0.70, a=0.3)]
    found = plan([*spring, *shares("2013-06", 0.666, a=0.4)])
    assert found.cause == "label shift"
    assert any("share of the label a is 0.400; in the good periods it was 0.300" in line for line in found.evidence)
    assert plan([*spring, *shares("2013-06", 0.666, a=0.4, n=30)]).cause == "concept change"


def values(period: str, mean: float) -> list[Figure]:
    return [figure(period, "label_mean", mean), figure(period, "label_std", 10.0)]


def test_a_moved_mean_of_the_label_is_a_label_shift() -> None:
    plain = [f for f in [*SPRING, *month("2013-06", 0.666)] if f.name != "label_rate"]
    assert plan([*plain, *values("2013-05", 50.0), *values("2013-06", 60.0)]).cause == "label shift"
    assert plan([*plain, *values("2013-05", 50.0), *values("2013-06", 54.0)]).cause == "concept change"


def test_labels_that_people_are_asked_for_may_be_missing() -> None:
    june = [*SPRING, *month("2013-06", 0.6, unmatched=4000, labelled=4000)]
    assert plan(june, spec=small_spec(labelling={"rows": 5})).decision == "retrain"


def test_drift_alone_is_worth_a_look() -> None:
    found = plan([*SPRING, *month("2013-06", 0.70)], alerts=[alert("MoebiusFeatureDrift", "look")])
    assert (found.decision, found.cause) == ("keep", "covariate shift in temp")
    assert "does not retrain" in found.action


def test_serving_alerts_and_no_alert_keep_the_champion() -> None:
    down = plan(SPRING, alerts=[alert("MoebiusModelServerDown", "look")])
    assert (down.decision, down.cause) == ("keep", "serving fault")
    assert plan(SPRING, alerts=[]).action == "keep the champion: no alert"
    assert plan([], alerts=[]).decision == "keep"


def refused(period: str = "2013-06", passed: bool = False) -> GateResult:
    fault = CheckOutcome(
        table="weather", expectation="ExpectColumnValuesToNotBeNull", column="temp", severity="block", unexpected=9,
        rows=10, detail="temp: 9 of 10 are null",
    )  # fmt: skip
    checks = [fault.model_copy(update={"passed": passed})]
    return GateResult(usecase="flight_delay", gate="raw", period=period, rows={"weather": 10}, checks=checks)


def test_faulty_data_is_repaired_and_not_learned() -> None:
    june = [*SPRING, *month("2013-06", 0.6)]
    found = plan(june, gate_results=[refused()])
    assert (found.decision, found.cause, found.train_to) == ("fix_data", "data fault in weather", None)
    assert "temp: 9 of 10 are null" in found.evidence[0]
    assert plan(june, gate_results=[refused("2013-07")]).decision == "fix_data"
    assert plan(june, gate_results=[refused(), refused(passed=True)]).decision == "retrain"
    assert plan(june, gate_results=[refused("2013-05")]).decision == "retrain"


@pytest.mark.parametrize("fault", [{"missing_increase": 0.2}, {"unmatched": 4000, "labelled": 4000}])
def test_missing_features_and_missing_truth_are_data_faults(fault: dict[str, float]) -> None:
    assert plan([*SPRING, *month("2013-06", 0.6, **fault)]).decision == "fix_data"


def test_skew_between_serving_and_offline_is_repaired() -> None:
    skewed = figure("2013-06", "feature_skew", 0.3, "x")
    found = plan([*SPRING, *month("2013-06", 0.6), skewed])
    assert (found.decision, found.cause) == ("fix_data", "pipeline skew in x")


def earlier(period: str, decision: Any = "retrain") -> RetrainPlan:
    return plan([*SPRING, *month("2013-06", 0.6)]).model_copy(
        update={"test_period": Period(period), "decision": decision}
    )


def test_the_same_month_the_cooldown_and_the_budget_hold_a_retrain_back() -> None:
    june = [*SPRING, *month("2013-06", 0.6)]
    assert "already retrains for 2013-06" in plan(june, decisions_history=[earlier("2013-06")]).action
    assert "the cooldown is 1" in plan(june, decisions_history=[earlier("2013-05")]).action
    assert plan(june, decisions_history=[earlier("2013-04"), earlier("2013-05", "keep")]).decision == "retrain"
    spent = small_spec(retrain={"budget_per_year": 1})
    kept = plan(june, spec=spent, decisions_history=[earlier("2013-02")])
    assert "have spent the budget of 1" in kept.action
    assert kept.decision == "keep"
    assert plan(june, spec=spent, decisions_history=[earlier("2012-12")]).decision == "retrain"


def test_a_person_may_force_a_retrain_and_the_record_says_who() -> None:
    found = plan([*SPRING, *month("2013-06", 0.7)], alerts=[], forced="admin", decisions_history=[earlier("2013-06")])
    assert (found.decision, found.evidence) == ("retrain", ["admin asked for a retrain"])


def test_a_short_window_is_widened_after_its_candidate_was_refused() -> None:
    spec = small_spec(retrain={"window": "last:3"})
    june = [*SPRING, *month("2013-06", 0.6)]
    assert plan(june, spec=spec).train_from == "2013-03"
    verdict = Verdict(
        usecase="flight_delay", decision="keep_champion", rule="gain", reason="", candidate=2, champion=1,
        champion_release="r0001", cells=[], differences={}, gates=[], self_test="", decided_at="2013-05-01T00:00Z",
    )  # fmt: skip
    widened = plan(june, spec=spec, verdicts=[verdict])
    assert widened.train_from == "2013-01"
    assert "refused" in widened.action


def test_the_replaced_release_is_evidence() -> None:
    rescored = figure("2013-06", "counterfactual_roc_auc", 0.71, release="r0000")
    found = plan([*SPRING, *month("2013-06", 0.66), rescored])
    assert any("release r0000 would have had roc_auc 0.710" in line for line in found.evidence)


def test_the_same_situation_gives_the_same_name() -> None:
    june = [*SPRING, *month("2013-06", 0.6)]
    assert plan(june).name == plan(june).name
    assert plan(june).name.startswith("2013-06-retrain-")
