"""The rules on real flights: what must be promoted is, what must not is not, and when the alert comes."""

import numpy as np
import pandas as pd
import pytest

from include.contracts.evaluation import Interval, Verdict
from include.contracts.operations import Alert, Figure
from include.contracts.period import Period
from include.evaluation.four_comparisons import compare
from include.evaluation.metrics import score
from include.operations import drift
from include.operations.monitoring import measure
from include.operations.retraining import decide
from tests.integration.evaluation_flights import FEATURES, months
from tests.integration.months_replay import FIRST_RELEASE, Serving, evaluate, frozen, model, side, spec

pytestmark = pytest.mark.integration
MONTHLY = 8000


def told(verdict: Verdict) -> str:
    """The figures that a verdict was decided on, for the message of a failed assertion."""
    cells = {c.name: round(c.figure.value, 4) for c in verdict.cells if c.metric == "roc_auc"}
    gain = verdict.differences["D-C roc_auc"]
    return f"{verdict.decision} by {verdict.rule}: {cells}, gain {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"


def test_retraining_in_july_on_all_months_so_far_is_promoted() -> None:
    found = evaluate(7, Serving(*FIRST_RELEASE), last=None)
    cells = {c.name: c.figure.value for c in found.cells if c.metric == "roc_auc"}
    assert found.decision == "canary", told(found)
    assert cells["A"] == pytest.approx(0.703, abs=0.015), told(found)
    assert cells["C"] == pytest.approx(0.645, abs=0.02), told(found)
    assert cells["D"] == pytest.approx(0.745, abs=0.015), told(found)
    assert found.differences["D-C roc_auc"].low > 0.05, told(found)
    assert found.differences["C-A roc_auc"].high < -0.03, told(found)


def test_a_december_candidate_of_the_last_three_months_is_refused() -> None:
    """Neither against a champion of all months, nor against what serves when only such candidates were taken."""
    found = evaluate(12, Serving((1, 2, 3, 4, 5, 6, 7, 9, 10, 11), 8), last=3)
    assert (found.decision, found.rule) == ("keep_champion", "gain"), told(found)
    assert found.differences["D-C roc_auc"].high < -0.02, told(found)
    replayed = evaluate(12, Serving((4, 6), 7), last=3)
    assert (replayed.decision, replayed.rule) == ("keep_champion", "gain"), told(replayed)
    assert replayed.differences["B-A roc_auc"].high < -0.01, told(replayed)


def test_a_first_model_passes_on_absolute_limits() -> None:
    found = compare(spec(), candidate=side(1, model(1, 2)), champion=None, old=None, new=frozen(3))
    assert (found.decision, found.champion) == ("canary", None)


def released() -> dict:
    march = months(3)
    answers = model(1, 2).predict(march)
    auc = score("roc_auc", march["late"], answers)
    return drift.baseline(spec(), march, answers, {"roc_auc": Interval(value=auc, low=auc, high=auc, n=len(march))})


def monitored(number: int, baseline: dict, history: list[Figure], seed: int = 0) -> list[Figure]:
    rows = months(number).sample(MONTHLY, random_state=seed).reset_index(drop=True)
    log = rows[["flight_id", *FEATURES]].assign(
        request_id=rows["flight_id"], release="r0001", latency_ms=1.0, probability=model(1, 2).predict(rows),
        logged_at=pd.Timestamp(f"2013-{number:02d}-01", tz="UTC"),
    )  # fmt: skip
    events = rows[["flight_id", "late"]]
    period = Period(f"2013-{number:02d}")
    return measure(spec(), "r0001", baseline, predictions=log, events=events, period=period, history=history)


def test_the_alert_comes_in_june_and_the_plan_names_the_cause() -> None:
    baseline, history, seen = released(), list[Figure](), {}
    for number in (4, 5, 6):
        figures = monitored(number, baseline, history)
        history += figures
        seen[number] = {f.name: f.value for f in figures if not f.subject}
    assert [seen[n]["breached"] for n in (4, 5, 6)] == [1, 0, 1]
    assert [seen[n]["breached_windows"] for n in (4, 5, 6)] == [1, 1, 2]
    assert min(seen[n]["drifted_features"] for n in (4, 5, 6)) >= 2  # drift in every month, also in good May
    alert = Alert(
        name="MoebiusPerformanceLoss", usecase="flight_delay", severity="retrain", release="r0001", period="2013-06",
        value=2, summary="",
    )  # fmt: skip
    known = {"figures_history": history, "decisions_history": [], "gate_results": [], "serving": "r0001"}
    for number in (4, 5):
        until = [f for f in history if f.period <= f"2013-{number:02d}"]
        kept = decide(spec(), alerts=[], period=Period(f"2013-{number:02d}"), **known | {"figures_history": until})
        assert kept.decision == "keep", "no month of the flights has a faulty column"
    plan = decide(spec(), alerts=[alert], period=Period("2013-06"), **known)
    assert (plan.decision, plan.cause) == ("retrain", "label shift")
    assert (plan.train_from, plan.train_to, plan.test_to) == ("2013-01", "2013-05", "2013-06")
    assert any("temp" in line and "does not explain the loss" in line for line in plan.evidence)


def test_the_month_of_the_alert_does_not_depend_on_the_sample() -> None:
    limit = released()["metrics"]["roc_auc"]["value"] - spec().monitoring.performance_loss
    known = {n: (months(n)["late"].to_numpy(), model(1, 2).predict(months(n))) for n in (4, 5, 6)}
    random, right = np.random.default_rng(0), 0
    for _ in range(50):
        rows = {n: random.choice(len(y), MONTHLY, replace=False) for n, (y, _) in known.items()}
        breached = [score("roc_auc", known[n][0][rows[n]], known[n][1][rows[n]]) < limit for n in (4, 5, 6)]
        right += breached == [True, False, True]
    assert right >= 48
