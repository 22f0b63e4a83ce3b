"""What an expectation compares with follows the period: its bounds, its local dates, so many rows a day."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.contracts.calendar import Calendar
from include.contracts.period import Every, Period
from include.data import suite_parameters, suites
from include.errors import BrokenCheckError

NEW_YORK = "America/New_York"


def known(every: Every, key: str) -> dict:
    return suite_parameters.of_period(
        Calendar(every=every, timezone="UTC" if every == "hour" else NEW_YORK), Period(key)
    )


@pytest.mark.parametrize(
    ("every", "key", "days", "years", "months", "month_days"),
    [
        ("month", "2013-03", 31, [2013], [3], list(range(1, 32))),  # one hour shorter than 31 days
        ("month", "2013-02", 28, [2013], [2], list(range(1, 29))),
        ("week", "2013-W01", 7, [2012, 2013], [1, 12], [1, 2, 3, 4, 5, 6, 31]),
        ("day", "2013-11-03", 1, [2013], [11], [3]),  # 25 hours
        ("hour", "2013-01-01T02Z", 1, [2013], [1], [1]),
    ],
)
def test_a_suite_knows_the_local_dates_of_the_period(
    every: Every, key: str, days: int, years: list, months: list, month_days: list
) -> None:
    values = known(every, key)
    assert (values["days"], values["years"], values["months"]) == (days, years, months)
    assert values["month_days"] == month_days
    assert values["last_year"] == years[-1]


@pytest.mark.parametrize(
    ("argument", "text", "value"),
    [
        ("min_value", "period_start", datetime(2013, 3, 10, 5, tzinfo=UTC)),
        ("min_value", "period_end - 2 days", datetime(2013, 3, 9, 5, tzinfo=UTC)),  # by the clock, over 23 hours
        ("max_value", "period_end + 1 hour", datetime(2013, 3, 11, 5, tzinfo=UTC)),
        ("min_value", "33 a day", 31),  # 31.6 in 23 hours
        ("max_value", "33 a day", 32),
        ("min_value", "0.5 a day", 0),
    ],
)
def test_a_parameter_is_a_moment_moved_or_a_number_for_the_length(argument: str, text: str, value: object) -> None:
    assert suite_parameters.value(argument, text, known("day", "2013-03-10")) == value


def suite(directory: Path, *expectations: dict) -> Path:
    rest = {"type": "expect_table_row_count_to_be_between", "severity": "critical"}
    every = [{"id": f"c{i}", **rest, "meta": {"dimension": "volume"}, **one} for i, one in enumerate(expectations)]
    (directory / "u_raw_t.json").write_text(json.dumps({"expectations": every}))
    return directory


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("last_days", "fits months only; write period_end - 2 days"),
        ("year", "fits months only; write last_year, or years"),
        ("month", "fits months only; write months, a set of values"),
        ("last_days + 1 hour", "fits months only"),
        ("period_end - 2 fortnights", "'2 fortnights' is no length of time"),
        ("days + 1 hour", "adds time to 'days', which is no moment"),
        ("160 per day", "is unknown; known are period_start, .*'160 a day'"),
        (5, "must be a text"),
    ],
)
def test_a_text_that_names_no_parameter_is_refused_with_the_way_out(tmp_path: Path, text: str, why: str) -> None:
    suite(tmp_path, {"kwargs": {"min_value": {"$PARAMETER": text}}})
    with pytest.raises(BrokenCheckError, match=rf"expectation 1 .*{why}"):
        suites.written(tmp_path / "u_raw_t.json", "t")


def test_an_expectation_is_left_out_where_the_rhythm_is_another(tmp_path: Path) -> None:
    limits = {"min_value": {"$PARAMETER": "24 a day"}, "max_value": None}
    long = {"kwargs": limits, "meta": {"dimension": "volume", "periods": ["week", "month"]}}
    suite(tmp_path, {"kwargs": limits}, long)
    by_day, by_week = (
        suites.checks(tmp_path, "u", "raw", "t", known(every, key))
        for every, key in (("day", "2013-04-01"), ("week", "2013-W14"))
    )
    assert [(c.id, c.kwargs) for c in by_day] == [("c0", {"min_value": 24})]
    assert [(c.id, c.kwargs) for c in by_week] == [("c0", {"min_value": 168}), ("c1", {"min_value": 168})]


def test_of_a_sample_only_limits_that_follow_earlier_periods_stay(tmp_path: Path) -> None:
    fixed = {"kwargs": {"min_value": {"$PARAMETER": "24 a day"}}}
    suite(tmp_path, fixed, {"kwargs": {"min_value": {"$PARAMETER": "t_min_rows"}}})
    values = known("day", "2013-04-01") | {"t_min_rows": 3}
    assert [c.id for c in suites.checks(tmp_path, "u", "raw", "t", values, sampled=True)] == ["c1"]


@pytest.mark.parametrize(
    ("every", "key", "month_days"),
    [("day", "2011-12-29", [29]), ("day", "2011-12-31", [31]), ("week", "2011-W52", [1, 26, 27, 28, 29, 31])],
)
def test_a_day_that_the_zone_skipped_is_no_local_date(every: Every, key: str, month_days: list[int]) -> None:
    values = suite_parameters.of_period(Calendar(every=every, timezone="Pacific/Apia"), Period(key))
    assert (values["days"], values["month_days"]) == (len(month_days), month_days)
