"""How fresh a value can be kept by schedule, pipeline and stream, in every rhythm; the refusal has the sum."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pendulum
import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from include.contracts.calendar import Calendar
from include.contracts.period import FORMS, Every, Period
from include.orchestration.timetable import PeriodTimetable
from include.specification.data import EntitySpec, Periods, Privacy, Source, StreamSpec, ViewSpec
from include.specification.schedule import oldest_value
from include.specification.streams import freshness_faults

ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Etc/GMT+12", "Australia/Lord_Howe"]
CRONS = {
    "hour": ["5 * * * *", "*/20 * * * *", "0 */3 * * *", "30 8-18 * * 1-5"],
    "day": ["0 6 * * *", "15 */2 * * *", "0 7 * * 1-5", "0 7 1 * *"],
    "week": ["0 6 * * 1", "0 6 * * 3", "0 3 * * *"],
    "month": ["0 6 1 * *", "0 6 * * *", "0 6 3 */2 *"],
}
PAUSE = {"hour": timedelta(days=4), "day": timedelta(days=32), "week": timedelta(days=8), "month": timedelta(days=63)}
"""Longer than any of these crons has no run."""


class Spec:
    """The parts of a spec that say how fresh the values of one view are."""

    def __init__(self, periods: dict[str, Any], freshness: float, stream: dict[str, Any] | None = None) -> None:
        self.periods = Periods.model_validate(periods)
        self.feature_views = {"view": ViewSpec(entity="thing", freshness_hours=freshness)}
        given_stream = {"source": "readings", "id": ["id"], "key": ["id"], "window_hours": 1, **(stream or {})}
        self.streams = {} if stream is None else {"view": StreamSpec.model_validate(given_stream)}
        self.sources: dict[str, Source] = {}
        self.entities: dict[str, EntitySpec] = {}
        self.privacy = Privacy()


def faults(*args: Any, **named: Any) -> list[str]:
    return [fault.text for fault in freshness_faults(Spec(*args, **named))]


DAILY = {"first": "2013-04-01", "schedule": "0 6 * * *", "timezone": "America/New_York"}


@pytest.mark.parametrize(
    ("periods", "least", "total"),
    [
        ({"first": "2013-04-01T05Z", "schedule": "15 * * * *", "pipeline_hours": 0.25}, 1.5, "1.25 + 0.25 "),
        (
            DAILY,
            31.5,
            "the day 2013-11-01, which ends 2013-11-02 00:00, are the newest until the run of 2013-11-03 06:00",
        ),
        (DAILY, 31.5, "31 + 0.5 (periods.pipeline_hours) = 31.5 hours"),  # the clock is set back on that day
        ({"first": "2013-W14", "schedule": "0 6 * * 1", "pipeline_hours": 2}, 176, "174 + 2 "),
        ({"first": "2013-W14", "schedule": "0 6 * * 3"}, 222.5, "the values of the week 201"),
        ({"first": "2013-04", "schedule": "0 6 1 * *"}, 750.5, "750 + 0.5 "),
        ({**DAILY, "schedule": "0 6 1 * *"}, 751.5, "are the newest until the run of 2015-11-01 06:00"),
    ],
)
def test_the_least_freshness_is_the_longest_wait_from_the_end_of_a_period_to_the_next_values(
    periods: dict[str, Any], least: float, total: str
) -> None:
    assert faults(periods, least) == []
    (text,) = faults(periods, least - 0.01)
    assert f"allowed: {least:g} or more" in text
    assert total in text


def test_a_stream_keeps_what_the_batch_cannot_unless_it_comes_too_late_itself() -> None:
    assert faults(DAILY, 2, stream={"published_after_hours": 1, "pause_hours": 1}) == []
    (text,) = faults(DAILY, 2, stream={"published_after_hours": 1, "pause_hours": 1.5})
    assert (
        "by the stream a value is 1 (published_after_hours) + 1.5 (pause_hours) = 2.5 hours old; allowed: 2.5 or mo"
        in text
    )
    assert faults(DAILY, 32, stream={"published_after_hours": 48}) == [], "the batch is faster"


def test_a_faster_run_than_the_rhythm_makes_no_value_younger() -> None:
    calendar = Calendar(every="month")
    assert oldest_value("0 6 * * *", calendar).hours == oldest_value("0 6 1 * *", calendar).hours == 31 * 24 + 6


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_moment_of_a_year_has_an_older_newest_value(data: st.DataObject) -> None:
    """Looked at from the runs: after each, the newest value is the end of the newest period that was over by then."""
    every = data.draw(st.sampled_from(get_args(Every)))
    calendar = Calendar(every=every, timezone="UTC" if every == "hour" else data.draw(st.sampled_from(ZONES)))
    cron = data.draw(st.sampled_from(CRONS[every]))
    oldest = oldest_value(cron, calendar)
    day = data.draw(st.integers(0, 13 if every == "hour" else 320))
    moment = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(days=day, minutes=data.draw(st.integers(0, 1439)))
    newest = calendar.complete(_runs(cron, calendar, moment - PAUSE[every], moment)[-1])
    assert (moment - calendar.end(newest)).total_seconds() / 3600 <= oldest.hours
    assert oldest.run in _runs(cron, calendar, oldest.run - PAUSE[every], oldest.run)
    assert oldest.end == calendar.end(oldest.period)


def _runs(cron: str, calendar: Calendar, after: datetime, upto: datetime) -> list[datetime]:
    zone = ZoneInfo(calendar.timezone)
    ticks = croniter(cron, after.astimezone(zone).replace(tzinfo=None), ret_type=datetime)
    found = list[datetime]()
    while (tick := ticks.get_next().replace(tzinfo=zone).astimezone(UTC)) <= upto:
        found.append(tick)
    return found


@pytest.mark.parametrize(
    ("first", "schedule", "hours"),
    [
        ("2013-04-01T05Z", "0 * 1-20 * *", 11 * 24 + 1),  # no run on eleven days of a long month
        ("2013-04-01T05Z", "0 * * 1-6 *", 184 * 24 + 1),
        ("2013-04-01T05Z", "0 * 13 * 5", 6 * 24 + 1),
        ("2013-W14", "@quarterly", 98 * 24),  # a quarter of 92 days that begins on a Sunday
        ("2013-W14", "@yearly", 372 * 24),
        ("2013-04-01", "0 6 29 2 *", 4 * 365.25 * 24 + 6),
    ],
)
def test_what_runs_seldom_is_looked_at_over_all_its_pauses(first: str, schedule: str, hours: float) -> None:
    assert oldest_value(schedule, Periods(first=Period(first), schedule=schedule).calendar).hours == hours


CHANGES = ["America/Sao_Paulo", "America/Havana", "Asia/Beirut", "Europe/Berlin", "Australia/Lord_Howe"]


@pytest.mark.slow
@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("cron", ["@daily", "30 0 * * *", "30 2 * * *", "15 * * * *", "0 6 * * 1-5"])
def test_around_a_change_of_the_clock_the_runs_are_those_of_airflow(zone: str, cron: str) -> None:
    """In Sao Paulo, Havana and Beirut the clock is changed at midnight. The first run after a day publishes it."""
    calendar = Calendar(every="day", timezone=zone)
    timetable = PeriodTimetable(cron, calendar, Period("2012-01-01"))
    run, oldest = timetable._get_next(pendulum.datetime(2013, 1, 1)), 0.0
    while run < pendulum.datetime(2014, 1, 1):
        newest = calendar.complete(run)
        day_is_over = pendulum.instance(calendar.end(newest.shift(1)))
        run = timetable._get_next(day_is_over.subtract(seconds=1))
        oldest = max(oldest, (run - calendar.end(newest)).total_seconds() / 3600)
    assert oldest_value(cron, calendar).hours == oldest


def test_what_the_refusal_allows_is_allowed() -> None:
    for hours in (1 / 3, 0.1 + 0.2, 1e-7, 123456.789):
        (text,) = faults({**DAILY, "pipeline_hours": hours}, 31)
        assert faults({**DAILY, "pipeline_hours": hours}, float(text.split("allowed: ")[1].split()[0])) == []


def test_a_time_by_chance_is_no_schedule() -> None:
    for cron in ("R 6 * * *", "0 R(1-5) * * *", "0 r * * MON"):
        with pytest.raises(ValidationError, match="R is another time whenever it is read"):
            Periods(first=Period("2013-04"), schedule=cron)
    assert Periods(first=Period("2013-04"), schedule="0 6 * MAR FRI")


@pytest.mark.parametrize("every", get_args(Every))
def test_the_refusal_speaks_of_the_rhythm(every: Every) -> None:
    periods = {"first": FORMS[every].example, "schedule": CRONS[every][0]}
    (text,) = faults(periods, 0.01)
    assert f"the values of the {every} 201" in text
