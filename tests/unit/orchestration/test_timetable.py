"""When the pipeline runs by itself, and for which periods: in every zone and rhythm, across clock changes, after an
outage."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pendulum
import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.utils.types import DagRunType
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.calendar import Calendar
from include.contracts.period import Every, Period
from include.orchestration import timetable as module
from include.orchestration.timetable import PeriodTimetable

ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Etc/GMT+12", "Australia/Lord_Howe"]
CRONS = {"hour": "5 * * * *", "day": "0 6 * * *", "week": "0 6 * * 1", "month": "0 6 1 * *"}
START = datetime(2012, 12, 15, tzinfo=UTC)


def made(every: Any, zone: str = "America/New_York", cron: str = "", last: Period | None = None) -> PeriodTimetable:
    calendar = Calendar(every=every, timezone="UTC" if every == "hour" else zone)
    return PeriodTimetable(cron or CRONS[every], calendar, calendar.of(START), last)


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: now)
    monkeypatch.setattr(module.pendulum, "now", lambda zone: pendulum.instance(now))


def asked(timetable: PeriodTimetable, last: DagRunInfo | None, latest: datetime | None = None) -> DagRunInfo | None:
    until = pendulum.instance(latest) if latest else None
    restriction = TimeRestriction(pendulum.datetime(2013, 1, 1), until, catchup=False)
    return timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)


@pytest.mark.slow
@given(st.sampled_from(get_args(Every)), st.sampled_from(ZONES), st.lists(st.integers(0, 80), min_size=1, max_size=5))
def test_scheduled_runs_hold_every_period_once_and_none_before_it_is_over(
    every: str, zone: str, outages: list[int]
) -> None:
    """Each step of time ends with a scheduler that was away for so many days."""
    timetable, covered, last = made(every, zone), [], None
    now = datetime(2013, 1, 20, 3, 17, tzinfo=UTC)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for days in outages:
            now += timedelta(days=days)
            at(monkeypatch, now)
            last = asked(timetable, last)
            assert last is not None
            periods = Period.ranged(str(last.partition_key))
            assert timetable._calendar.end(periods[-1]) <= last.run_after
            assert timetable._calendar.end(periods[-1].shift(1)) > last.run_after, "the newest that is over"
            known = {*covered}
            covered += [period for period in periods if period not in known]
            assert timetable.resolve_partition_date(last.partition_key) == last.partition_date
    assert covered == Period.between(covered[0], covered[-1])


def test_a_day_is_over_at_local_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cron text, minutes after midnight, means another moment in each zone."""
    for zone, hour in (("America/New_York", 4), ("Asia/Kolkata", 18), ("UTC", 0)):
        at(monkeypatch, datetime(2013, 7, 1, 23, 30, tzinfo=UTC))
        info = asked(made("day", zone, "30 0 * * *"), None)
        assert info is not None
        assert Calendar(every="day", timezone=zone).end(Period(str(info.partition_key))) <= info.run_after
        assert info.run_after.hour in (hour, hour + 1)


def test_an_outage_is_caught_up_in_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    timetable = made("day")
    at(monkeypatch, datetime(2013, 3, 5, 12, tzinfo=UTC))
    before = asked(timetable, None)
    assert before is not None
    assert before.partition_key == "2013-03-04"
    at(monkeypatch, datetime(2013, 3, 15, 12, tzinfo=UTC))  # the clock changed on March 10
    after = asked(timetable, before)
    assert after is not None
    assert after.partition_key == "2013-03-05..2013-03-14"
    named = after._asdict() | {"run_type": DagRunType.SCHEDULED}
    assert "2013-03-05~2013-03-14" in timetable.generate_run_id(**named)
    at(monkeypatch, datetime(2013, 3, 15, 13, tzinfo=UTC))
    coming = asked(timetable, after)
    assert coming is not None
    assert (coming.partition_key, coming.run_after) == ("2013-03-15", datetime(2013, 3, 16, 10, tzinfo=UTC))


def test_a_schedule_that_comes_more_often_asks_for_the_newest_again(monkeypatch: pytest.MonkeyPatch) -> None:
    timetable = made("week", cron="0 6 * * *")
    at(monkeypatch, datetime(2013, 3, 5, 12, tzinfo=UTC))
    assert (first := asked(timetable, None))
    at(monkeypatch, datetime(2013, 3, 6, 12, tzinfo=UTC))
    assert (second := asked(timetable, first))
    assert first.partition_key == second.partition_key == "2013-W09"


def test_nothing_runs_after_the_end_and_before_the_first_period_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, datetime(2014, 6, 1, tzinfo=UTC))
    assert asked(made("month"), None, latest=datetime(2014, 2, 1, tzinfo=UTC)) is None
    last = asked(made("month", last=Period("2013-12")), None)
    assert last is not None
    assert last.partition_key == "2013-12"
    at(monkeypatch, datetime(2012, 1, 1, tzinfo=UTC))
    begins = asked(made("month"), None)
    assert begins is not None
    assert (begins.partition_key, begins.run_after) == ("2012-12", datetime(2013, 1, 1, 11, tzinfo=UTC))


def test_a_run_of_another_calendar_is_no_reason_to_run_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, datetime(2013, 3, 5, 12, tzinfo=UTC))
    monthly = DagRunInfo(run_after=pendulum.datetime(2013, 2, 1), data_interval=None, partition_key="2013-01")
    info = asked(made("day"), monthly)
    assert info is not None
    assert info.partition_key == "2013-03-04"


def test_a_backfill_is_one_run_of_what_begins_in_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, datetime(2013, 6, 15, tzinfo=UTC))
    window = {"earliest": datetime(2013, 3, 9, tzinfo=UTC), "latest": datetime(2013, 3, 11, tzinfo=UTC)}
    (run,) = made("day").iter_partition_dagrun_infos(**window)
    assert run.partition_key == "2013-03-09..2013-03-11"
    wide = {"earliest": datetime(2013, 3, 2, tzinfo=UTC), "latest": datetime(2014, 3, 11, tzinfo=UTC)}
    assert [one.partition_key for one in made("month").iter_partition_dagrun_infos(**wide)] == ["2013-04..2013-05"]
    assert list(made("month").iter_partition_dagrun_infos(**window)) == []


@given(st.integers(0, 400), st.integers(1, 60), st.integers(0, 400), st.integers(1, 60))
def test_two_ranges_are_never_taken_for_one(first: int, count: int, other: int, others: int) -> None:
    """Airflow tells runs apart by the moment of their key."""
    timetable, start = made("day"), Period("2013-01-01")
    ranges = {(start.shift(a), start.shift(a + n - 1)) for a, n in ((first, count), (other, others))}
    assert len({timetable.resolve_partition_date(f"{a}..{b}") for a, b in ranges}) == len(ranges)


@pytest.mark.parametrize("key", ["2013-04", "2013-04-31", "2013-04-02..2013-04-01", "all"])
def test_a_partition_key_of_another_kind_is_refused_when_it_is_given(key: str) -> None:
    with pytest.raises(InvalidPartitionKeyError, match=r"2013-04|all"):
        made("day").resolve_partition_date(key)


def test_the_scheduler_reads_the_timetable_as_it_was_written() -> None:
    timetable = made("week", "Asia/Kolkata", last=Period("2014-W01"))
    again = PeriodTimetable.deserialize(timetable.serialize())
    assert again.serialize() == timetable.serialize()
    assert again.summary == "0 6 * * 1 (Asia/Kolkata)"


def test_timetables_are_equal_where_all_that_is_kept_of_them_is() -> None:
    days = Calendar(every="day")
    one = PeriodTimetable("@daily", days, Period("2013-01-01"))
    assert one == PeriodTimetable("0 0 * * *", days, Period("2013-01-01"))
    assert hash(one) == hash(PeriodTimetable("0 0 * * *", days, Period("2013-01-01")))
    assert one != PeriodTimetable("@daily", days, Period("2013-01-02"))
    assert one != PeriodTimetable("@daily", Calendar(every="day", timezone="Asia/Tokyo"), Period("2013-01-01"))
    assert one != "@daily"
