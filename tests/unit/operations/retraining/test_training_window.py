"""Windows of time in the decision to retrain: a use case by days."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.operations import Figure, RetrainPlan
from include.contracts.period import Period
from include.operations.retraining import training_window
from include.operations.retraining.due import due
from include.operations.retraining.retraining import decide
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.operations.retraining.test_retraining import alert, month

SPLIT = {"test": "7 days", "validation": "2 days"}
RETRAIN = {"window": "30 days", "cooldown": "10 days", "budget": {"retrains": 2, "per": "60 days"}}


def daily(**changes: Any) -> UseCase:
    periods = {"every": "day", "first": "2013-01-01", "last": "2013-12-31", "schedule": "0 9 * * *"}
    content = {"periods": periods, "split": SPLIT, "retrain": RETRAIN, "monitoring": {"window": "7 days"}} | changes
    return small_spec(**content)


SPEC = daily()


def days(first: str, last: str, auc: float = 0.6) -> list[Figure]:
    return [figure for day in Period.between(Period(first), Period(last)) for figure in month(day, auc)]


def plan(newest: str, **changes: Any) -> RetrainPlan:
    arguments: dict[str, Any] = {
        "alerts": [alert().model_copy(update={"period": Period(newest)})], "decisions_history": [], "gate_results": [],
        "period": Period(newest), "serving": "r0001",
    } | changes  # fmt: skip
    first = Period(newest).shift(-20)
    return decide(arguments.pop("spec", SPEC), figures_history=days(first, newest), **arguments)


def window(found: RetrainPlan) -> tuple[str | None, ...]:
    return found.train_from, found.train_to, found.test_from, found.test_to


def test_a_week_tests_and_the_thirty_days_before_it_teach() -> None:
    found = plan("2013-04-14")
    assert window(found) == ("2013-03-09", "2013-04-07", "2013-04-08", "2013-04-14")
    assert "on 2013-03-09 to 2013-04-07 (the last 30 days), test on 2013-04-08 to 2013-04-14;" in found.action
    assert found.request.test_from == "2013-04-08"


def test_the_test_window_begins_after_that_of_the_champion() -> None:
    tested = Period.between(Period("2013-04-03"), Period("2013-04-09"))
    found = plan("2013-04-14", tested=tested)
    assert window(found)[1:] == ("2013-04-09", "2013-04-10", "2013-04-14")


@pytest.mark.parametrize("forced", [None, "ada"])
def test_a_retrain_that_would_learn_nothing_new_is_refused_whoever_asks(forced: str | None) -> None:
    asked: list[str] = []

    def teaches(periods: list[Period]) -> bool:
        asked.extend(periods)
        return False

    found = plan("2013-04-14", teaches=teaches, forced=forced, spec=daily(training={"refit": "never"}))
    assert found.decision == "keep"
    assert "a retrain would see no new training rows. 2013-04-08 to 2013-04-14 would test" in found.action
    assert window(found) == (None, None, None, None)
    assert (asked[0], asked[-1], len(asked)) == ("2013-03-09", "2013-04-07", 30)


def test_where_a_candidate_is_refitted_its_test_window_teaches_too() -> None:
    """The serving refit learned up to 04-07; the days that test a new candidate are what its refit would learn."""
    learned = {*Period.between(Period("2013-01-01"), Period("2013-04-07"))}
    found = plan("2013-04-14", teaches=lambda periods: not {*periods} <= learned)
    assert window(found) == ("2013-03-09", "2013-04-07", "2013-04-08", "2013-04-14")


def test_days_that_the_champion_was_tested_on_do_not_test_again() -> None:
    found = plan("2013-04-14", tested=[Period("2013-04-14"), Period("2013-04-15")], forced="ada")
    assert found.decision == "keep"
    assert "2013-04-14 is in the test set that it was released with (up to 2013-04-15)" in found.action


@pytest.mark.parametrize(
    ("now", "test_to"),
    [
        ("2013-04-16T00:00-04:00", "2013-04-14"),
        ("2013-04-15T12:00-04:00", "2013-04-14"),  # 24 hours after: half of the day is due
        ("2013-04-15T09:00-04:00", "2013-04-13"),
        ("2013-04-14T09:00-04:00", "2013-04-12"),
        ("2012-12-31T00:00Z", "2013-04-14"),  # no label is due: nothing better is known
    ],
)
def test_days_most_of_whose_labels_are_still_to_come_do_not_test(now: str, test_to: str) -> None:
    found = plan("2013-04-14", now=datetime.fromisoformat(now))
    assert found.test_to == test_to
    assert found.test_from == Period(test_to).shift(-6)


def made(newest: str) -> RetrainPlan:
    found = plan(newest)
    assert found.decision == "retrain"
    return found


def test_a_plan_whose_test_shares_a_day_holds_the_next_one_back_and_no_longer() -> None:
    earlier = made("2013-04-14")
    held = plan("2013-04-20", decisions_history=[earlier])
    assert held.decision == "keep"
    assert f"plan {earlier.name} already retrains for 2013-04-08 to 2013-04-14; no release came of it" in held.action
    assert plan("2013-04-21", decisions_history=[earlier]).decision == "retrain"


def test_cooldown_and_budget_are_times() -> None:
    """The figures are those of r0001 since three weeks ago: it serves since the end of the plan's test."""
    earlier = made("2013-04-14")
    spent = {"decisions_history": [earlier], "released": {earlier.name: "r0000"}}
    assert plan("2013-04-24", **spent).decision == "retrain", "another release serves"
    cooling = {"decisions_history": [earlier], "released": {earlier.name: "r0001"}}
    held = plan("2013-04-24", **cooling)
    assert "r0001 of plan" in held.action
    assert "serves since the end of 2013-04-14, and the cooldown is 10 days" in held.action
    assert plan("2013-04-25", **cooling).decision == "retrain"
    second = made("2013-04-25")
    both = {"decisions_history": [earlier, second], "released": {earlier.name: "r0000", second.name: "r0000"}}
    over = plan("2013-06-12", **both)
    assert "2 released retrains in the last 60 days have spent the budget of 2" in over.action
    assert plan("2013-06-13", **both).decision == "retrain", "the first is 60 days ago"


@given(
    test=st.integers(1, 20), learned=st.integers(1, 60), since=st.integers(1, 40), length=st.integers(1, 20),
    every=st.sampled_from(["day", "week", "month"]),
)  # fmt: skip
def test_what_tests_is_later_than_what_teaches_and_than_the_frozen_test_set(
    test: int, learned: int, since: int, length: int, every: str
) -> None:
    first = {"day": "2013-01-01", "week": "2013-W01", "month": "2013-01"}[every]
    spec = daily(
        periods={"every": every, "first": first, "last": None, "schedule": "@daily"},
        split=SPLIT | {"test": f"{test} days", "validation": "12 hours"},
        retrain=RETRAIN | {"window": f"{learned} days"},
    )  # fmt: skip
    newest = Period(first).shift(60)
    frozen = newest.shift(-since)
    tested = Period.between(frozen.shift(1 - length), frozen)
    found = plan(newest, spec=spec, tested=tested, forced="ada")
    assert found.decision == "retrain"
    train_from, train_to, test_from, test_to = (str(period) for period in window(found))
    assert train_from <= train_to < test_from <= test_to == newest
    assert test_from > frozen


def test_a_decision_of_before_windows_is_still_read() -> None:
    recorded = made("2013-04-14").json_dict()
    del recorded["test_from"], recorded["test_to"]
    read = RetrainPlan.model_validate(recorded | {"test_period": "2013-04"})
    assert (read.test_from, read.test_to) == ("2013-04", "2013-04")


@pytest.mark.parametrize(("test", "first"), [("3 days", 7), ("6 days", 7), ("7 days", 8), ("14 days", 15)])
def test_a_weekly_retrain_comes_weekly_whatever_tests_only_the_first_may_wait(test: str, first: int) -> None:
    spec = daily(split={"test": test, "validation": "7 days"}, retrain={**RETRAIN, "window": "all", "every": "7 days"})
    begin = Period("2013-03-01")
    tested = spec.periods_to_test(begin)
    learned, retrained = set(Period.between(spec.periods.first, tested[0].shift(-1))), list[int]()
    for after in range(1, 43):
        newest = begin.shift(after)
        chosen = training_window.choose(spec, newest, tested, [], datetime(2014, 1, 1, tzinfo=UTC))
        teaching = set(Period.between(chosen.train_from, chosen.train_to)) - set(tested)
        if not due(spec, newest, tested, []) or not teaching - learned:
            continue
        retrained.append(after)
        learned, tested = teaching, Period.between(chosen.test_from or newest, chosen.test_to)
    assert retrained == [*range(first, 43, 7)]


def test_a_window_that_would_all_validate_is_refused() -> None:
    said = "retrain.window: 7 days is not longer than split.validation = 7 days: all of it would validate, none train"
    with pytest.raises(ValueError, match=said):
        daily(split={"validation": "7 days"}, retrain=RETRAIN | {"window": "7 days"})
    assert daily(split={"validation": "7 days"}, retrain=RETRAIN | {"window": "8 days"}).retrain.window == "8 days"
    assert small_spec(retrain={"window": "7 days"}).calendar.every == "month", "it learns from one month at least"


@pytest.mark.parametrize(
    ("window", "validation", "learned"),
    [("10 days", "7 days", r"2013-W\d+ \(1 week\)"), ("20 days", "2 weeks", r"2013-W\d+\.\.2013-W\d+ \(2 weeks\)")],
)
def test_the_whole_periods_of_a_window_must_be_longer_than_what_validates(
    window: str, validation: str, learned: str
) -> None:
    weeks = {"every": "week", "first": "2013-W10", "last": None, "schedule": "@weekly"}
    said = rf"retrain.window: {window} \(whole periods: {learned}\) is not longer than split.validation = {validation}"
    with pytest.raises(ValueError, match=said):
        small_spec(periods=weeks, split={"validation": validation}, retrain={"window": window})
    spec = small_spec(periods=weeks, split={"validation": validation}, retrain={"window": "3 weeks"})
    assert spec.retrain.window == "3 weeks"


def test_a_month_that_february_does_not_fill_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"1 month \(whole periods: 2013-02 \(1 month\)\) is not longer than .* 30 days"
    ):
        small_spec(split={"validation": "30 days"}, retrain={"window": "1 month"})
    assert small_spec(split={"validation": "27 days"}, retrain={"window": "1 month"}).split.validation == "27 days"
