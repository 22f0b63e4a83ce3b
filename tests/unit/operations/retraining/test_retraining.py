import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.contracts.evaluation import Verdict
from include.contracts.operations import Alert, Figure, RetrainPlan
from include.contracts.period import Period
from include.contracts.quality import CheckOutcome, GateResult
from include.operations.retraining.retraining import decide
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
    plain: dict[str, float] = {
        "rows": 8000, "labelled": 8000, "unmatched": 0, "missing_share": 0.02, "missing_increase": 0.0, "roc_auc": auc,
        "performance_loss": loss, "breached": float(loss > 0.03), "label_rate": 0.25,
    } | figures  # fmt: skip
    drifts = [figure(period, "psi", v, n) for n, v in (psi or {"temp": 3.0, "x": 0.01}).items()]
    return [figure(period, n, v) for n, v in plain.items()] + drifts


SPRING = [*month("2013-04", 0.641), *month("2013-05", 0.700)]
JUNE = [*SPRING, *month("2013-06", 0.6)]


def plan(history: list[Figure], **changes: Any) -> RetrainPlan:
    arguments: dict[str, Any] = {
        "alerts": [alert()], "decisions_history": [], "gate_results": [], "period": Period("2013-06"),
        "serving": "r0001",
    } | changes  # fmt: skip
    return decide(arguments.pop("spec", SPEC), figures_history=history, **arguments)


def test_a_confirmed_loss_retrains_on_everything_before_the_newest_labelled_month() -> None:
    found = plan([*SPRING, *month("2013-06", 0.666)])
    assert found.decision == "retrain"
    assert (found.train_from, found.train_to, found.test_to) == ("2013-01", "2013-05", "2013-06")
    assert any("2013-06: roc_auc 0.666" in line for line in found.evidence)
    assert "2013-01 to 2013-05" in found.action
    assert found.action.endswith("with the features and parameters of usecase.yaml")


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


def test_a_lookup_that_failed_for_moments_changes_no_decision_and_is_told() -> None:
    few = [figure("2013-06", "unavailable", 210.0), figure("2013-06", "unlogged", 13.0)]
    without, found = plan(JUNE), plan([*JUNE, *few])
    assert (found.decision, found.cause, found.action) == (without.decision, without.cause, without.action)
    assert {*found.evidence} - {*without.evidence} == {
        "210 of 8000 answers of 2013-06 were given while the online store could not be asked: they are judged neither "
        "for drift nor skew nor quality",
        "13 of 8013 answers of 2013-06 were not in the prediction log, which could not be written",
    }


@pytest.mark.parametrize("fault", [{"unavailable": 4001.0}, {"unlogged": 8001.0}, {"unavailable": 3999, "unlogged": 7}])
def test_most_answers_without_a_lookup_or_a_record_are_a_serving_fault(fault: dict[str, float]) -> None:
    found = plan([*JUNE, *(figure("2013-06", name, value) for name, value in fault.items())])
    assert (found.decision, found.cause) == ("fix_data", "serving fault")
    assert "the online store" in found.action
    assert any("of 8" in line or "of 16" in line for line in found.evidence)


def earlier(period: str, decision: Any = "retrain") -> RetrainPlan:
    return plan([*SPRING, *month("2013-06", 0.6)]).model_copy(
        update={"test_from": Period(period), "test_to": Period(period), "decision": decision}
    )


def brought(decision: RetrainPlan, release: str = "r0001") -> dict[str, Any]:
    return {"decisions_history": [decision], "released": {decision.name: release}}


def test_the_same_month_the_cooldown_and_the_budget_hold_a_retrain_back() -> None:
    assert "already retrains for 2013-06" in plan(JUNE, decisions_history=[earlier("2013-06")]).action
    first_month = [*month("2013-05", 0.6), *month("2013-06", 0.6)]
    assert "the cooldown is 2 months" in plan(first_month, **COOLING, **brought(earlier("2013-04"))).action
    assert plan(JUNE, **brought(earlier("2013-04"))).decision == "retrain"
    spent = small_spec(retrain={"budget": {"retrains": 1, "per": "365 days"}})
    kept = plan(JUNE, spec=spent, **brought(earlier("2013-02")))
    assert "have spent the budget of 1" in kept.action
    assert kept.decision == "keep"
    assert plan(JUNE, spec=spent, **brought(earlier("2012-07"))).decision == "keep", "less than 365 days ago"
    assert plan(JUNE, spec=spent, **brought(earlier("2012-06"))).decision == "retrain"


COOLING = {"spec": small_spec(retrain={"cooldown": "2 months", "budget": {"retrains": 1, "per": "365 days"}})}


def test_a_refused_candidate_spends_neither_cooldown_nor_budget() -> None:
    first_month = [*month("2013-05", 0.6), *month("2013-06", 0.6)]
    assert plan(first_month, **COOLING, decisions_history=[earlier("2013-04")]).decision == "retrain"
    assert plan(first_month, **COOLING, decisions_history=[earlier("2013-05")]).decision == "retrain"


def test_the_cooldown_is_of_the_release_that_serves_and_begins_when_it_began_to() -> None:
    first_month = [*month("2013-05", 0.6), *month("2013-06", 0.6)]
    spec = small_spec(retrain={"cooldown": "2 months"})
    rolled_back = brought(earlier("2013-05"), release="r0002")
    assert plan(first_month, spec=spec, **rolled_back).decision == "retrain", "what it brought serves no more"
    late = brought(earlier("2013-02"))
    held = plan(first_month, spec=spec, **late).action
    assert "serves since the end of 2013-04, and the cooldown is 2 months" in held, "released in May"


def test_a_person_may_force_a_retrain_and_the_record_says_who() -> None:
    found = plan([*SPRING, *month("2013-06", 0.7)], alerts=[], forced="admin", decisions_history=[earlier("2013-06")])
    assert (found.decision, found.cause) == ("retrain", "asked for")
    assert found.evidence[0] == "admin asked for a retrain"


def test_a_short_window_is_widened_after_its_candidate_was_refused() -> None:
    spec = small_spec(retrain={"window": "3 months"})
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


def test_an_alert_about_a_replaced_release_asks_for_nothing_and_is_recorded() -> None:
    """June of r0001 is a breach; r0002 serves, whatever of the two has the higher name or the newest figures."""
    june = [*SPRING, *month("2013-06", 0.6)]
    kept = plan(june, serving="r0002")
    assert (kept.decision, kept.alerts) == ("keep", [alert()])
    assert kept.action == "keep the champion: the alerts are about r0001, r0002 serves"
    assert any("MoebiusPerformanceLoss is about r0001, which does not serve" in line for line in kept.evidence)


def test_after_a_roll_back_the_release_that_serves_is_judged_not_the_highest() -> None:
    def of(release: str, figures: list[Figure]) -> list[Figure]:
        return [f.model_copy(update={"release": release}) for f in figures]

    bad, good = month("2013-06", 0.6), month("2013-06", 0.7)
    alerts = [alert(), alert().model_copy(update={"release": "r0002"})]
    served = plan([*SPRING, *bad, *of("r0002", good)], alerts=alerts)
    assert served.decision == "retrain"
    assert any("loss +0.107" in line for line in served.evidence)
    spring = of("r0002", SPRING)
    assert plan([*spring, *good, *of("r0002", bad)], alerts=alerts).decision == "keep"
    assert plan([*spring, *of("r0002", bad)], alerts=alerts).decision == "keep", "r0001 has no figure of June"


def test_an_alert_that_still_holds_in_a_month_without_a_breach_keeps() -> None:
    history = [*month("2013-04", 0.641), *month("2013-05", 0.641), *month("2013-06", 0.707)]
    kept = plan(history)
    assert (kept.decision, kept.cause) == ("keep", "covariate shift in temp")
    assert "loss of r0001 in 2013-06 is +0.000 [-0.010, +0.010] on 8000 rows: not above the limit" in kept.action


def test_one_breach_of_the_windows_is_not_enough_whatever_the_alert_says() -> None:
    kept = plan([*month("2013-05", 0.70), *month("2013-06", 0.6)])
    assert kept.decision == "keep"
    assert "breached periods: 1 of the last 3 (2 measured), a retrain needs 2" in kept.action


def test_a_period_most_of_whose_labels_are_not_due_is_not_judged() -> None:
    early = month("2013-07", 0.5, labelled=100, unmatched=0, not_due=7900)
    found = plan([*SPRING, *month("2013-06", 0.666), *early], period=Period("2013-07"))
    assert (found.decision, found.test_to) == ("retrain", "2013-06")
    late = month("2013-07", 0.66, labelled=4800, unmatched=0, not_due=3200)
    assert plan([*SPRING, *month("2013-06", 0.666), *late], period=Period("2013-07")).test_to == "2013-07"


@pytest.mark.parametrize(
    ("figure_name", "value"),
    [("missing_increase", 1.0), ("stuck", 0.6), ("constant", 1.0), ("unseen", 1.0), ("outside", 1.0),
     ("missing_days", 0.3)],
)  # fmt: skip
def test_one_faulty_column_is_repaired_however_small_its_share_of_all_cells(figure_name: str, value: float) -> None:
    fault = figure("2013-06", figure_name, value, "x").model_copy(update={"low": value - 0.1})
    found = plan([*JUNE, fault])
    assert (found.decision, found.cause) == ("fix_data", "data fault in x")
    lucky = fault.model_copy(update={"low": -0.1})
    assert plan([*JUNE, lucky]).decision == "retrain", "chance explains it"


@example(loss=0.03 + 1e-17, wide=0.03, before=0.1, severity="retrain", serving="r0001", labelled=8000)
@example(loss=4e-275, wide=0.0, before=0.0, severity="look", serving="r0001", labelled=8000)
@given(
    loss=st.floats(-0.2, 0.3), wide=st.floats(0, 0.3), before=st.floats(-0.2, 0.3),
    severity=st.sampled_from(["look", "retrain"]), serving=st.sampled_from(["r0001", "r0002", None]),
    labelled=st.sampled_from([0, 8000]),
)  # fmt: skip
def test_the_words_of_a_decision_never_contradict_its_figures(
    loss: float, wide: float, before: float, severity: Any, serving: str | None, labelled: int
) -> None:
    measured = figure("2013-06", "performance_loss", loss).model_copy(update={"low": loss - wide, "high": loss + wide})
    june = [f for f in month("2013-06", 0.7, labelled=labelled) if f.name not in ("performance_loss", "breached")]
    june = [*june, measured] if labelled else june
    name = "MoebiusPerformanceLoss" if severity == "retrain" else "MoebiusFeatureDrift"
    found = plan([*month("2013-05", 0.707 - before), *june], alerts=[alert(name, severity)], serving=serving)
    text = " ".join([found.action, found.cause, *found.evidence])
    breach, earlier_breach = loss > 0.03 and loss - wide > 0, before > 0.03 and before - 0.01 > 0
    retrains = serving == "r0001" and severity == "retrain" and labelled > 0 and breach and earlier_breach
    assert (found.decision == "retrain") == retrains
    if not retrains and serving == "r0001" and labelled:
        state = "confirmed, a breach" if breach else "above the limit 0.03 but not" if loss > 0.03 else "not above"
        assert f"on 8000 rows: {state}" in found.action
        shown, low = (float(n) for n in re.search(r"2013-06 is (\S+) \[(\S+),", found.action).groups())
        assert (shown > 0.03, low > 0) == (loss > 0.03, loss - wide > 0), "rounding must not contradict the words"
    assert "without a confirmed" not in text
    assert ("which does not serve" in text) == (serving != "r0001")


def test_a_month_whose_loss_is_above_the_limit_is_no_good_period_confirmed_or_not() -> None:
    may = month("2013-05", 0.6, {"x": 0.9})
    unclear = [f.model_copy(update={"low": -0.1}) if f.name == "performance_loss" else f for f in may]
    found = plan([*month("2013-04", 0.6), *unclear, *month("2013-06", 0.6, {"x": 0.9, "temp": 0.1})])
    assert found.cause == "covariate shift in x", "the drift of an unclear month clears no feature"
    assert any(line == "x drifted (PSI 0.90)" for line in found.evidence)
    assert any("no good period to compare with" in line for line in found.evidence)


def shifted(recalibrated: float, **changes: Any) -> RetrainPlan:
    """June with more late flights, and what a recalibration would make of the Brier score."""
    spec = small_spec(metrics={"primary": "brier", "secondary": []})
    errors = {"calibration_error": 0.08, "recalibrated_calibration_error": 0.01}
    june = month("2013-06", 0.607, brier=0.21, recalibrated_brier=recalibrated, label_rate=0.35, **errors)
    return plan([*SPRING, *june], **{"spec": spec} | changes)


APRIL, MAY = Period("2013-04"), Period("2013-05")


def test_a_label_shift_that_a_recalibration_repairs_is_answered_by_one() -> None:
    found = shifted(0.12, tested=[APRIL])
    assert (found.decision, found.cause) == ("retrain", "label shift")
    assert any(
        "calibration error of 0.010 instead of 0.080, and the brier 0.120 instead of 0.210, a loss of +0.010: a "
        "recalibration suffices" in line for line in found.evidence
    )  # fmt: skip
    assert found.action.startswith(
        "recalibrate what serves on 2013-05 to 2013-05 (the newest before the test, which the champion does not know), "
        "test on 2013-06; the share of the classes has moved"
    )
    asked = found.request
    assert asked.recalibrate
    assert (asked.train_from, asked.train_to, asked.test_from, asked.test_to) == (MAY, MAY, "2013-06", "2013-06")


def test_who_forces_a_retrain_gets_one() -> None:
    found = shifted(0.12, tested=[APRIL], forced="ann")
    assert (found.decision, found.recalibrate) == ("retrain", False)
    assert found.action.startswith("retrain ")


def test_it_is_fitted_on_the_newest_rows_and_not_on_those_of_the_share_of_before() -> None:
    found = shifted(0.12, tested=[Period("2013-02")])
    assert (found.train_from, found.train_to, found.test_to) == (MAY, MAY, "2013-06")


def test_it_needs_no_rows_that_are_new_to_learn_from() -> None:
    assert shifted(0.12, tested=[APRIL], teaches=lambda periods: False).recalibrate


def ranking(roc_auc: float) -> RetrainPlan:
    """A part of the loss is left, and the spec measures how the answers rank."""
    spec = small_spec(metrics={"primary": "brier", "secondary": ["roc_auc"]})
    errors = {"calibration_error": 0.08, "recalibrated_calibration_error": 0.01}
    june = month("2013-06", 0.607, brier=0.21, recalibrated_brier=0.17, label_rate=0.35, **errors)
    june = [f.model_copy(update={"value": roc_auc, "high": roc_auc + 0.01}) if f.name == "roc_auc" else f for f in june]
    return plan([*SPRING, *june], spec=spec, tested=[APRIL])


def test_a_loss_that_no_training_repairs_is_recalibrated_and_not_learned() -> None:
    found = ranking(0.695)
    assert found.recalibrate
    assert any(
        "a loss of +0.060, which no training repairs, as the roc_auc is 0.695; in the good periods it was 0.700: a "
        "recalibration suffices" in line for line in found.evidence
    )  # fmt: skip


def test_answers_that_rank_worse_than_before_are_retrained() -> None:
    found = ranking(0.66)
    assert not found.recalibrate
    assert any("a loss of +0.060: a recalibration does not suffice" in line for line in found.evidence)


@pytest.mark.parametrize("known", [{"tested": [MAY]}, {"tested": [APRIL], "kept_out": lambda first: [MAY]}])
def test_it_is_retrained_where_the_champion_knows_all_that_is_left(known: dict[str, Any]) -> None:
    found = shifted(0.12, **known)
    assert not found.recalibrate
    assert found.action.startswith(
        "a recalibration to the new shares would suffice, but the champion knows every month up to 2013-05, and "
        "2013-06 tests, so none is left to calibrate on: retrain"
    )


def test_a_split_by_rows_and_a_spec_without_calibration_are_retrained() -> None:
    metrics = {"primary": "brier", "secondary": []}
    by_rows = shifted(0.12, spec=small_spec(metrics=metrics, split={"by": "stratified"}), tested=[APRIL])
    assert by_rows.action.startswith("a recalibration to the new shares would suffice, but needs split.by: time")
    never = shifted(0.12, spec=small_spec(metrics=metrics, trainer={"calibration": "none"}), tested=[APRIL])
    assert (never.recalibrate, never.action[:8]) == (False, "retrain ")


def test_a_label_shift_that_it_repairs_in_part_is_retrained() -> None:
    found = shifted(0.17)
    assert any("a loss of +0.060: a recalibration does not suffice" in line for line in found.evidence)
    assert found.action.startswith("retrain")


def test_a_ranking_metric_is_not_repaired_by_a_recalibration() -> None:
    figures = {"recalibrated_roc_auc": 0.666, "calibration_error": 0.08, "recalibrated_calibration_error": 0.01}
    found = plan([*SPRING, *month("2013-06", 0.666, label_rate=0.35, **figures)])
    assert any("the same roc_auc (0.666): a recalibration cannot repair the loss" in line for line in found.evidence)
    assert found.action.startswith("retrain")
