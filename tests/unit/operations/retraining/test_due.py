"""A retrain that is due by the policy of a use case: when, and what binds it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.calendar import Span
from include.contracts.operations import RetrainPlan
from include.contracts.period import Period
from include.operations.retraining import retraining
from include.operations.retraining.due import due
from include.specification.loader import load_usecase

SPEC = load_usecase("weather_forecast")
TESTED = Period.ranged("2013-05-24..2013-05-30")


def plan(test_to: str, decision: str = "retrain") -> RetrainPlan:
    window = {"train_from": "2013-03-01", "train_to": "2013-05-30", "test_from": test_to, "test_to": test_to}
    about = {"usecase": SPEC.name, "name": f"{test_to}-{decision}-0", "decision": decision, "cause": "c"}
    rest = {"evidence": [], "action": "a", "alerts": [], "decided_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return RetrainPlan.model_validate(about | window | rest)


@given(days=st.integers(0, 40), planned=st.none() | st.integers(1, 40), every=st.integers(1, 20))
def test_a_retrain_is_due_when_what_was_tested_on_is_as_old_as_the_policy_says(
    days: int, planned: int | None, every: int
) -> None:
    spec = SPEC.model_copy(update={"retrain": SPEC.retrain.model_copy(update={"every": Span(f"{every} days")})})
    plans = [plan(TESTED[-1].shift(planned))] if planned else []
    found = due(spec, TESTED[-1].shift(days), TESTED, plans)
    assert bool(found) == (days - (planned or 0) >= every)
    if found:
        assert found.endswith(f"the newest day that was tested on is {TESTED[-1].shift(planned or 0)}")


def test_nothing_is_due_before_the_first_release_and_without_a_policy() -> None:
    assert due(SPEC, Period("2013-12-01"), (), []) == ""
    assert due(load_usecase("flight_delay"), Period("2013-12"), [Period("2013-03")], []) == ""


def decided(due: str, **asked: object) -> RetrainPlan:
    about = {"alerts": [], "figures_history": [], "decisions_history": [], "gate_results": []}
    return retraining.decide(
        SPEC, **about, period=Period("2013-06-13"), serving="r0001", tested=TESTED, due=due, **asked
    )  # type: ignore[arg-type]  # fmt: skip


def test_what_is_due_is_retrained_without_an_alert_and_says_so() -> None:
    found = decided("it is time")
    assert (found.decision, found.cause) == ("retrain", "due by policy")
    assert (found.train_to, found.test_from, found.test_to) == ("2013-06-06", "2013-06-07", "2013-06-13")
    assert "it is time" in found.evidence
    assert decided("").decision == "keep"


def test_the_budget_binds_what_is_due() -> None:
    spent = {"decisions_history": [plan("2013-06-01")], "released": {"2013-06-01-retrain-0": "r0001"}}
    limits = SPEC.retrain.model_copy(update={"budget": SPEC.retrain.budget.model_copy(update={"retrains": 1})})
    tight = SPEC.model_copy(update={"retrain": limits})
    found = retraining.decide(
        tight, alerts=[], figures_history=[], gate_results=[], period=Period("2013-06-20"), serving="r0002",
        tested=TESTED, due="it is time", **spent,
    )  # type: ignore[arg-type]  # fmt: skip
    assert found.decision == "keep"
    assert "have spent the budget of 1" in found.action


@pytest.mark.parametrize(
    ("alerts", "periods", "about"),
    [([], ["2013-06-13"], True), ([], ["2013-06-12"], False)],
)
def test_a_decision_without_alerts_is_about_the_newest_monitored_period(
    alerts: list, periods: list[str], about: bool
) -> None:
    assert decided("it is time").about([Period(one) for one in periods]) == about
