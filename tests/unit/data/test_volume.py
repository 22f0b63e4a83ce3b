"""A period is compared with those like it: a Sunday with Sundays, three in the morning with three in the morning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.period import Every, Period
from include.data import volume
from include.data.volume import LIKE, Limits


def compared(key: str, count: int) -> list[list[Period]]:
    earlier = [Period(key).shift(-n) for n in range(count, 0, -1)]
    return [periods for _, periods in volume.like(Period(key), earlier)]


def test_a_day_is_compared_with_the_same_weekday_and_until_there_are_two_with_any_day() -> None:
    weekdays, any_days = compared("2013-04-21", 20)
    assert weekdays == ["2013-04-07", "2013-04-14"]
    assert any_days == [f"2013-04-{day}" for day in range(15, 21)]


def test_an_hour_is_compared_with_the_hours_around_it_a_week_ago_not_with_the_one_before() -> None:
    weekday_and_hour, hour = compared("2013-03-11T09Z", 24 * 15)
    assert weekday_and_hour == [f"2013-{day}T{hour}Z" for day in ("02-25", "03-04") for hour in ("08", "09", "10")]
    assert hour[-4:] == ["2013-03-09T10Z", "2013-03-10T08Z", "2013-03-10T09Z", "2013-03-10T10Z"]


@pytest.mark.parametrize("key", ["2013-W14", "2013-04"])
def test_weeks_and_months_are_compared_with_those_before(key: str) -> None:
    assert compared(key, 3) == [[Period(key).shift(-n) for n in (3, 2, 1)]]


def test_periods_of_another_rhythm_and_later_ones_are_not_compared() -> None:
    earlier = [Period("2013-03"), Period("2013-04-01"), Period("2013-04-15")]
    (_, weekdays), (_, any_days) = volume.like(Period("2013-04-08"), earlier)
    assert (weekdays, any_days) == (["2013-04-01"], ["2013-04-01"])


def test_the_hours_of_a_local_clock_that_was_set_on_pass() -> None:
    kind, _ = LIKE["hour"]
    quiet_busy_busier = [0, 5, 82] * 3  # 04:00, 05:00 and 06:00 of three Mondays, by the clock that was
    fewest, most = volume.limits("hour", kind, quiet_busy_busier)
    assert fewest == 0
    assert most == 191


def test_a_month_may_have_half_to_twice_the_median() -> None:
    (kind,) = LIKE["month"]
    assert volume.limits("month", kind, [27004, 24951, 28834]) == Limits(13502, 54008)


def test_small_counts_may_vary_by_chance() -> None:
    weekday, _ = LIKE["day"]
    assert volume.limits("day", weekday, [16, 16]) == Limits(0, 44)
    assert volume.limits("day", weekday, [10_000, 10_000]) == Limits(4700, 20_300)


@pytest.mark.parametrize(("every", "fewest"), [("hour", 0), ("day", 1), ("week", 1), ("month", 1)])
def test_without_anything_like_it_only_an_hour_may_be_without_rows(every: Every, fewest: int) -> None:
    assert volume.limits(every, None, []) == Limits(fewest, None)


@given(every=st.sampled_from(sorted(LIKE)), counts=st.lists(st.integers(0, 10**7), min_size=1, max_size=3))
def test_what_was_usual_stays_within_the_limits(every: Every, counts: list[int]) -> None:
    for kind in LIKE[every]:
        fewest, most = volume.limits(every, kind, [counts[0]] * len(counts))
        assert most is not None
        assert fewest <= counts[0] <= most
