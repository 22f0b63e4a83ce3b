"""The rules on real flights, days drawn as a whole: what must be promoted is, what must not is not; the alert's month.

The months themselves differ: a model of two months has lost .05 AUC by July, one that was fitted again with March has
not.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from include.contracts.evaluation import Interval, Verdict
from include.contracts.operations import Alert, Figure
from include.contracts.period import Period
from include.development.trainers.trained_model import TrainedModel
from include.evaluation.four_comparisons import compare
from include.evaluation.metrics import score
from include.operations.drift import drift
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.performance import estimated
from include.operations.retraining.retraining import decide
from include.operations.windows.scope import Scope
from include.operations.windows.window import Window
from tests.integration.evaluation_flights import FEATURES, spec, year
from tests.integration.months_replay import Made, Serving, evaluate, first_release, window

pytestmark = pytest.mark.integration
JANUARY_FEBRUARY = Made((1, 2), (1, 2))
LEARNED = {"A": 0.695, "B": 0.718, "C": 0.652, "D": 0.729}
FITTED_AGAIN = {"C": 0.683}


def told(verdict: Verdict) -> str:
    """The figures that a verdict was decided on, for the message of a failed assertion."""
    cells = {c.name: round(c.figure.value, 4) for c in verdict.cells if c.metric == "roc_auc"}
    gain = verdict.differences["D-C roc_auc"]
    return f"{verdict.decision} by {verdict.rule}: {cells}, gain {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"


@lru_cache
def judged(month: int, serving: Serving, last: int | None = None) -> tuple[Verdict, dict[str, float]]:
    """The verdict on the month's candidate, and its cells."""
    found = evaluate(year(), month, serving, window(month, serving, last))
    return found, {c.name: c.figure.value for c in found.cells if c.metric == "roc_auc"}


def test_retraining_in_july_on_all_months_so_far_is_promoted() -> None:
    """Against a release that was never fitted again: C is what was judged, A the same model on March."""
    found, cells = judged(7, first_release(refits=False))
    assert found.decision == "canary", told(found)
    assert cells == {name: pytest.approx(value, abs=0.015) for name, value in LEARNED.items()}, told(found)
    assert found.differences["D-C roc_auc"].low > 0.03, told(found)
    assert found.differences["C-A roc_auc"].value < -0.02, told(found)


def test_a_release_that_was_fitted_again_with_march_leaves_less_to_gain_in_july() -> None:
    """C is the refit; A is its proof, which has not learned from March."""
    found, cells = judged(7, first_release(refits=True))
    assert cells == {name: pytest.approx(value, abs=0.015) for name, value in (LEARNED | FITTED_AGAIN).items()}
    assert found.decision == "canary", told(found)


def test_days_say_less_than_so_many_rows() -> None:
    gain = judged(7, first_release(refits=False))[0].differences["D-C roc_auc"]
    assert 10 * (gain.effective_n or gain.n) < gain.n
    assert gain.high - gain.low > 0.04  # by rows it would be about 0.014


@pytest.mark.full
def test_a_december_candidate_of_the_last_three_months_is_refused() -> None:
    champion = Serving(Made(tuple(range(1, 11)), tuple(range(1, 10))), 10)
    found, _ = judged(12, champion, last=3)
    assert (found.decision, found.rule) == ("keep_champion", "gain"), told(found)
    assert found.differences["D-C roc_auc"].high < 0, told(found)


def test_a_first_model_passes_on_absolute_limits() -> None:
    found = compare(spec(), candidate=year().side(1, JANUARY_FEBRUARY), champion=None, old=None, new=year().test_set(3))
    assert (found.decision, found.champion) == ("canary", None)


def model() -> TrainedModel:
    return year().model(JANUARY_FEBRUARY)


def released() -> dict:
    march = year().months[3]
    answers = model().predict(march)
    auc = score("roc_auc", march["late"], answers)
    return drift.baseline(spec(), march, answers, {"roc_auc": Interval(value=auc, low=auc, high=auc, n=len(march))})


def monitored(number: int, baseline: dict, history: list[Figure]) -> list[Figure]:
    rows = year().months[number]
    log = rows[["flight_id", *FEATURES]].assign(
        request_id=rows["flight_id"], release="r0001", latency_ms=1.0, probability=model().predict(rows),
        logged_at=pd.Timestamp(f"2013-{number:02d}-01", tz="UTC"),
    )  # fmt: skip
    events = rows[["flight_id", "late"]]
    period = Period(f"2013-{number:02d}")
    return measure(
        spec(), "r0001", baseline, WindowInputs(predictions=log, events=events, period=period, history=history)
    )


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


def test_what_is_estimated_without_labels_is_not_trusted_on_the_flights() -> None:
    """How delays come about changes from month to month, which the answers do not show."""
    baseline, history = released(), list[Figure]()
    tested, found = baseline["metrics"]["roc_auc"]["value"], dict[str, Figure]()
    for number in range(4, 13):
        rows, scope = year().months[number], Scope(spec(), "r0001", Period(f"2013-{number:02d}"))
        answers = model().predict(rows)
        window = Window(scope, baseline, rows.assign(probability=answers), rows, {}, None, history)
        found = {figure.name: figure for figure in estimated.figures(window)}
        auc = score("roc_auc", rows["late"], answers)
        known = {"labelled": len(rows), "not_due": 0, "roc_auc": auc, "performance_loss": tested - auc}
        history += [*found.values(), *(scope.figure(name, value, n=len(rows)) for name, value in known.items())]
    assert found["estimate_trusted"].value == 0
    assert found["estimate_trusted"].n == 8
    assert found["estimate_error"].value > 1.5 * found["last_known_error"].value
    assert found["estimated_breached"].value == 0


def test_april_with_other_days_still_alerts_may_seldom_june_in_six_of_ten() -> None:
    """Days and not flights are independent: rows drawn from the same days would always agree with each other."""
    limit = released()["metrics"]["roc_auc"]["value"] - spec().monitoring.performance_loss
    known = {n: _by_day(n) for n in (4, 5, 6)}
    random, breached = np.random.default_rng(0), []
    for _ in range(200):
        drawn = {n: [days[i] for i in random.integers(0, len(days), len(days))] for n, days in known.items()}
        areas = {n: score("roc_auc", *(np.concatenate(part) for part in zip(*drawn[n], strict=True))) for n in known}
        breached.append([areas[n] < limit for n in (4, 5, 6)])
    april, may, june = np.mean(breached, axis=0)
    assert april > 0.85
    assert 0.02 < may < 0.2
    assert 0.45 < june < 0.8


def _by_day(number: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Truth and answers of each local day."""
    rows = year().months[number]
    answers, late = model().predict(rows), rows["late"].to_numpy()
    day = rows["event_timestamp"].dt.tz_convert("America/New_York").dt.day
    return [(late[at], answers[at]) for at in day.groupby(day).indices.values()]
