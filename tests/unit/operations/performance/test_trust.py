"""When an estimate is worth more than the last known metric: its rules, window by window."""

from typing import Any

import numpy as np
import pytest

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.operations.performance.trust import Trust
from include.operations.windows import windows
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

MONTHS = small_spec()
FIRST = Period("2013-01")
TESTED = 0.8


def window(
    period: Period, estimate: float | None, measured: float | None, release: str = "r0001", n: int = 1000,
    not_due: int = 0, wide: float = 0.05,
) -> list[Figure]:  # fmt: skip
    """The figures of a window; intervals are ``wide`` to both sides."""

    def figure(name: str, value: float) -> Figure:
        bounds = {"low": value - wide, "high": value + wide}
        return Figure(usecase="flight_delay", release=release, period=period, name=name, value=value, n=n, **bounds)

    found = [figure("labelled", n), figure("unmatched", 0), figure("not_due", not_due)]
    found += [figure("estimated_roc_auc", estimate)] if estimate is not None else []
    if measured is not None:
        found += [figure("roc_auc", measured), figure("performance_loss", TESTED - measured)]
    return found


def months(*pairs: tuple[float, float], first: Period = FIRST, **how: Any) -> list[Figure]:
    """One window a month: what was estimated, what was measured."""
    return [f for number, pair in enumerate(pairs) for f in window(first.shift(number), *pair, **how)]


def trust(history: list[Figure], period: str = "2014-06", spec: UseCase = MONTHS) -> Trust:
    return Trust.of(spec, Period(period), history)


GOOD = [(0.71, 0.7), (0.79, 0.8), (0.71, 0.7), (0.79, 0.8), (0.71, 0.7), (0.79, 0.8), (0.71, 0.7)]
"""The metric jumps by 0.1, and the estimate is 0.01 off."""


def test_five_windows_are_too_few_and_six_are_enough() -> None:
    five, six = trust(months(*GOOD[:5]), "2013-06"), trust(months(*GOOD[:6]), "2013-07")
    assert not five.trusted
    assert five.note == "needs 6 labelled windows to be trusted, has 5"
    assert six.trusted
    assert six.note == "beat the last known metric on 6 of 6 labelled windows; mean error 0.0100 against 0.1000"
    assert six.chance == pytest.approx(1 / 64), "one of the 64 ways to sign six differences"


def test_the_first_window_is_held_against_the_test_set_and_each_later_one_against_the_last() -> None:
    found = trust(months(*GOOD)).windows
    assert [round(one.last_known, 9) for one in found] == [TESTED, 0.7, 0.8, 0.7, 0.8, 0.7, 0.8]


def test_nothing_is_known_before_its_labels_are_due() -> None:
    late = small_spec(event={"label_delay": "2 months"})
    found = trust(months(*GOOD), spec=late).windows
    assert [round(one.last_known, 9) for one in found] == [TESTED, TESTED, 0.7, 0.8, 0.7, 0.8, 0.7]


def test_an_estimate_that_is_no_better_or_better_by_chance_is_not_trusted() -> None:
    equal = trust(months(*[(0.75, 0.74)] * 8))
    assert equal.error == pytest.approx(equal.windows[1].errors[0])
    assert not equal.trusted
    assert equal.note.startswith(
        "not trusted: beat the last known metric on 1 of 8 labelled windows; mean error 0.0100"
    )
    lucky = trust(months((0.7, 0.7), *[(0.71, 0.7), (0.69, 0.7), (0.7, 0.71), (0.71, 0.7), (0.7, 0.7), (0.72, 0.7)]))
    assert lucky.error < lucky.last_known_error
    assert not lucky.trusted
    assert "which chance explains in" in lucky.note


def test_an_estimate_that_knows_nothing_is_trusted_as_seldom_as_stated() -> None:
    """Estimates that scatter as months do are as good as the last month."""
    random, trusted = np.random.default_rng(0), 0
    for _ in range(200):
        estimates, measured = random.normal(TESTED, 0.02, (2, 8))
        trusted += trust(months(*zip(estimates, measured, strict=True), wide=0.2)).trusted
    assert 0.04 < trusted / 200 < 0.16, "10 %, and three standard errors"


def test_one_window_that_was_far_off_takes_the_trust_of_many_small_gains() -> None:
    small = [(0.71, 0.7), (0.72, 0.72)] * 4
    assert trust(months(*small)).trusted
    assert not trust(months(*small, (0.9, 0.7), (0.71, 0.71), wide=0.2)).trusted


def test_a_newest_window_that_contradicts_takes_the_trust_at_once() -> None:
    found = trust(months(*GOOD, (0.8, 0.55)))
    assert found.error < found.last_known_error
    assert found.chance <= 0.1
    assert not found.trusted
    assert found.note.startswith(
        "not trusted: 2013-08 had 0.5500 instead of 0.8000; beat the last known metric on 7 of"
    )


def test_windows_whose_labels_are_not_due_or_that_come_later_do_not_count() -> None:
    waits = [*months(*GOOD[:5]), *window(Period("2013-06"), 0.79, 0.8, n=100, not_due=900)]
    assert len(trust(waits).windows) == 5
    assert len(trust(months(*GOOD), "2013-06").windows) == 5, "not the window itself, nor those after it"
    unlabelled = [*months(*GOOD[:5]), *window(Period("2013-06"), 0.79, None)]
    assert len(trust(unlabelled).windows) == 5
    unestimated = [*months(*GOOD[:5]), *window(Period("2013-06"), None, 0.8)]
    assert len(trust(unestimated).windows) == 5


def test_windows_of_all_releases_count_and_two_in_one_window_once() -> None:
    history = [*months(*GOOD[:3]), *months(*GOOD[3:6], first=Period("2013-04"), release="r0002")]
    assert len(trust(history).windows) == 6
    assert trust(history).windows[3].last_known == pytest.approx(TESTED), "of a new release its test set is known"
    twice = [*history, *months((0.1, 0.9), first=Period("2013-06"), release="r0003", n=10)]
    assert trust(twice).windows == trust(history).windows, "the release with the most labelled rows"


def test_rolling_windows_count_each_answer_once() -> None:
    days = small_spec(periods={"every": "day", "first": "2013-01-01", "last": None})
    asked = days.monitoring.model_dump() | {"window": "7 days"}
    days = days.model_copy(update={"monitoring": type(days.monitoring).model_validate(asked)})
    history = [f for number in range(60) for f in window(Period("2013-01-01").shift(number), 0.7, 0.71)]
    newest = Period("2013-01-01").shift(60)
    found = Trust.of(days, newest, history)
    assert [one.end for one in found.windows] == windows.ends(days, newest, 9)[:-1]
    assert len(found.windows) == 8, "of sixty"


def test_only_the_last_twelve_are_looked_at() -> None:
    found = trust(months(*[(0.9, 0.5)] * 4, *GOOD[:6], *GOOD[:6]))
    assert len(found.windows) == 12
    assert found.trusted
