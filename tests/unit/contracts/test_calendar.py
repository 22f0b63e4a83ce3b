"""Whatever the rhythm and the zone: every moment lies in exactly one period, and keys sort as the periods do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.contracts.calendar import Calendar, Span, Window
from include.contracts.period import FORMS, RANGE, Every, Period, range_text
from include.errors import PeriodError

ZONES = (
    "UTC",
    "Etc/GMT+12",  # -12
    "Pacific/Kiritimati",  # +14, and no 1994-12-31
    "Pacific/Apia",  # no 2011-12-30
    "Pacific/Kwajalein",  # no 1993-08-21
    "America/New_York",
    "America/St_Johns",  # half an hour, and until 2011 its clock was set at one minute past midnight
    "Asia/Kolkata",
    "Asia/Kathmandu",  # a quarter of an hour
    "Asia/Beirut",  # midnight that does not exist
    "America/Sao_Paulo",  # midnight that does not exist, and hours before midnight that come twice
    "America/Havana",  # midnight that comes twice
    "Australia/Lord_Howe",  # its clock is set by half an hour
    "Antarctica/Troll",  # by two hours
)
RHYTHMS: tuple[Every, ...] = ("hour", "day", "week", "month")
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))
CALENDARS = st.builds(Calendar, every=st.sampled_from(RHYTHMS), timezone=st.sampled_from(ZONES))
SPANS = st.builds(lambda n, unit: Span(f"{n} {unit}s"), st.integers(0, 60), st.sampled_from(RHYTHMS))
APIA = Calendar(every="day", timezone="Pacific/Apia")
HAVANA = Calendar(every="day", timezone="America/Havana")
BEIRUT = Calendar(every="day", timezone="Asia/Beirut")


@given(CALENDARS, MOMENTS)
@example(APIA, datetime(2011, 12, 30, 10, tzinfo=UTC))
@example(HAVANA, datetime(2013, 11, 3, 4, 30, tzinfo=UTC))
@example(HAVANA, datetime(2013, 11, 3, 5, 30, tzinfo=UTC))
@example(BEIRUT, datetime(2013, 3, 30, 22, tzinfo=UTC))
@example(Calendar(every="hour", timezone="Asia/Kolkata"), datetime(2013, 4, 1, 5, 45, tzinfo=UTC))
def test_every_moment_lies_in_exactly_one_period(calendar: Calendar, moment: datetime) -> None:
    period = calendar.of(moment)
    assert calendar.start(period) <= moment < calendar.end(period)
    neighbours = [period.shift(by) for by in (-2, -1, 1, 2)]
    assert [p for p in neighbours if calendar.start(p) <= moment < calendar.end(p)] == []


@given(CALENDARS, MOMENTS)
def test_it_does_not_depend_on_the_clock_that_tells_the_moment(calendar: Calendar, moment: datetime) -> None:
    there = moment.astimezone(ZoneInfo("Pacific/Kiritimati"))
    assert calendar.of(there) == calendar.of(moment)


@given(CALENDARS, MOMENTS, st.integers(0, 60))
def test_periods_follow_one_another_without_a_gap_and_sort_as_text(
    calendar: Calendar, moment: datetime, by: int
) -> None:
    first = calendar.of(moment)
    last = first.shift(by)
    periods = Period.between(first, last)
    assert [len(periods), periods[0], periods[-1]] == [by + 1, first, last]
    assert sorted(periods) == periods
    assert last.shift(-by) == first
    starts = [calendar.start(period) for period in periods]
    assert starts == sorted(starts)
    assert [calendar.end(period) for period in periods[:-1]] == starts[1:]


@given(CALENDARS, MOMENTS)
def test_a_period_begins_at_local_midnight_or_where_the_clock_goes_on(calendar: Calendar, moment: datetime) -> None:
    period = calendar.of(moment)
    start = calendar.window(period).start
    if calendar.every == "hour":
        assert start.astimezone(UTC).replace(tzinfo=None) == period.nominal
        return
    assert start.replace(tzinfo=None) >= period.nominal
    before = (start.astimezone(UTC) - timedelta(microseconds=1)).astimezone(start.tzinfo)
    assert before.date() < start.date()


@given(CALENDARS, MOMENTS, st.timedeltas(timedelta(), timedelta(days=4)))
def test_a_window_overlaps_the_periods_that_share_time_with_it(
    calendar: Calendar, moment: datetime, length: timedelta
) -> None:
    window = Window(start=moment, end=moment + length)
    periods = calendar.overlapping(window)
    around = Period.between(calendar.of(moment).shift(-2), calendar.of(window.end).shift(2))
    sharing = [p for p in around if max(calendar.start(p), window.start) < min(calendar.end(p), window.end)]
    assert [p for p in periods if calendar.start(p) < calendar.end(p)] == sharing


@given(CALENDARS, MOMENTS)
def test_the_newest_complete_period_is_over_and_the_next_one_is_not(calendar: Calendar, now: datetime) -> None:
    complete = calendar.complete(now)
    assert calendar.end(complete) <= now < calendar.end(complete.shift(1))


@given(CALENDARS, MOMENTS)
def test_the_text_of_a_period_is_read_again_by_its_own_rhythm_only(calendar: Calendar, moment: datetime) -> None:
    period = calendar.of(moment)
    assert calendar.period(str(period)) == period == Period(str(period))
    assert period.every == calendar.every
    assert Period(period.month).every == "month"
    for other in set(RHYTHMS) - {calendar.every}:
        with pytest.raises(PeriodError, match=f"is a {calendar.every}; the periods are {other}s: write one like"):
            Calendar(every=other).period(period)


@given(CALENDARS, MOMENTS, st.integers(0, 50))
def test_a_range_is_read_as_it_was_written(calendar: Calendar, moment: datetime, by: int) -> None:
    periods = Period.between(calendar.of(moment), calendar.of(moment).shift(by))
    assert Period.ranged(range_text(periods)) == periods
    if by:
        with pytest.raises(PeriodError, match="holds no period"):
            Period.ranged(f"{periods[-1]}{RANGE}{periods[0]}")


@given(st.dates(date(1990, 1, 1), date(2037, 12, 31)))
@example(date(2012, 12, 31))
@example(date(2016, 1, 3))
@example(date(2020, 12, 31))
def test_weeks_are_those_of_iso_8601_around_new_year_too(day: date) -> None:
    year, week, _ = day.isocalendar()
    period = Calendar(every="week").of(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    assert period == f"{year}-W{week:02d}"
    assert period.nominal.date().isocalendar() == (year, week, 1)


@pytest.mark.parametrize(
    ("zone", "key", "hours"),
    [
        ("America/New_York", "2013-03-10", 23),
        ("America/New_York", "2013-11-03", 25),
        ("Australia/Lord_Howe", "2013-10-06", 23.5),
        ("Antarctica/Troll", "2013-03-31", 22),
        ("Pacific/Apia", "2011-12-30", 0),
        ("Pacific/Apia", "2011-12-29", 24),
        ("Asia/Beirut", "2013-03-31", 23),
        ("America/Havana", "2013-11-03", 25),
        ("America/Sao_Paulo", "2013-10-20", 23),
        ("Pacific/Apia", "2011-W52", 144),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(zone: str, key: str, hours: float) -> None:
    calendar = Calendar(every=Period(key).every, timezone=zone)
    window = calendar.window(Period(key))
    assert (window.end.astimezone(UTC) - window.start.astimezone(UTC)) == timedelta(hours=hours)


def test_hours_are_those_of_utc_so_that_none_comes_twice_and_none_is_cut_by_half() -> None:
    for zone in ZONES:
        calendar = Calendar(every="hour", timezone=zone)
        assert calendar.start(Period("2013-11-03T05Z")) == datetime(2013, 11, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "why"), [("2013-02-30", "not one"), ("2013-W53", "not one"), ("2013-04-01T24Z", "not one")]
)
def test_what_no_calendar_has_is_no_period(key: str, why: str) -> None:
    with pytest.raises(PeriodError, match=why):
        Period(key)


@pytest.mark.slow
@given(st.sampled_from(RHYTHMS), st.text(max_size=20))
def test_a_text_is_a_period_or_is_refused(every: Every, text: str) -> None:
    try:
        period = Calendar(every=every).period(text)
    except PeriodError:
        return
    assert period.nominal.strftime(FORMS[every].written) == text


@given(SPANS, MOMENTS, st.sampled_from(ZONES))
def test_before_is_never_later_and_spans_that_are_longer_reach_further(span: Span, moment: datetime, zone: str) -> None:
    count, unit = span.split()
    longer = Span(f"{int(count) + 31} {unit}")
    assert longer.before(moment, zone) <= span.before(moment, zone) <= moment + timedelta(hours=2)
    assert moment - timedelta(hours=2) <= span.after(moment, zone) <= longer.after(moment, zone)


@given(st.integers(0, 10_000), MOMENTS, st.sampled_from(ZONES))
def test_hours_are_the_same_in_every_zone(count: int, moment: datetime, zone: str) -> None:
    assert Span(f"{count} hours").before(moment, zone) == moment - timedelta(hours=count)
    assert Span(f"{count} hours").after(moment, zone) == moment + timedelta(hours=count)


@given(CALENDARS, MOMENTS, SPANS)
def test_the_periods_of_a_span_are_whole_end_with_the_period_and_lie_within_it(
    calendar: Calendar, moment: datetime, span: Span
) -> None:
    period = calendar.of(moment)
    if calendar.every == "hour":
        span = Span(f"{min(int(span.split()[0]), 5)} days")
    periods = calendar.last(span, period)
    assert periods == Period.between(periods[0], period)
    begin = span.before(calendar.end(period), calendar.timezone)
    if len(periods) > 1:
        assert calendar.start(periods[0]) >= begin
    assert calendar.start(periods[0].shift(-1)) < begin or len(periods) == 1


@pytest.mark.parametrize(
    ("every", "key", "span", "count", "first"),
    [
        ("day", "2013-03-31", "1 month", 31, "2013-03-01"),
        ("day", "2013-03-10", "7 days", 7, "2013-03-04"),
        ("day", "2013-04-01", "2 weeks", 14, "2013-03-19"),
        ("hour", "2013-04-01T05Z", "36 hours", 36, "2013-03-30T18Z"),
        ("week", "2013-W01", "7 days", 1, "2013-W01"),
        ("week", "2013-W14", "30 days", 4, "2013-W11"),
        ("month", "2013-03", "90 days", 3, "2013-01"),
        ("month", "2013-03", "89 days", 2, "2013-02"),
        ("month", "2013-03", "0 hours", 1, "2013-03"),
        ("month", "2013-12", "12 months", 12, "2013-01"),
    ],
)
def test_the_last_span_in_numbers(every: Every, key: str, span: str, count: int, first: str) -> None:
    periods = Calendar(every=every, timezone="UTC").last(Span(span), Period(key))
    assert (len(periods), periods[0]) == (count, first)


@given(SPANS)
def test_a_span_is_text_in_one_spelling(span: Span) -> None:
    assert Span(str(span)) == span
    assert span.endswith("s") != (span.split()[0] == "1")
    assert Span(span.rstrip("s")) == span


@pytest.mark.parametrize("text", ["", "7", "7 d", "7d", "-1 day", "1.5 hours", "a day", "1 year", "7  days", "٣ days"])
def test_what_is_no_span_is_refused_with_examples(text: str) -> None:
    with pytest.raises(PeriodError, match="no length of time; write it like 36 hours, 7 days, 2 weeks or 1 month"):
        Span(text)


@pytest.mark.parametrize("text", ["1201 months", "999999 months", "99999 weeks", "36526 days", "876601 hours"])
def test_a_span_beyond_what_a_calendar_can_count_is_refused(text: str) -> None:
    with pytest.raises(PeriodError, match=rf"'{text}' is more than 100 years"):
        Span(text)


@pytest.mark.parametrize("text", ["1200 months", "5217 weeks", "36525 days", "876600 hours"])
@pytest.mark.parametrize("key", ["2013-04-01T05Z", "2013-W14", "2013-04"])
def test_the_longest_spans_can_be_counted_from_any_period(text: str, key: str) -> None:
    period = Period(key)
    start = Calendar(every=period.every).start(period)
    assert Span(text).before(start).year in (1912, 1913)
    assert Span(text).after(start).year in (2112, 2113)


@pytest.mark.parametrize("unit", RHYTHMS)
@given(MOMENTS, st.sampled_from(ZONES))
@example(datetime(2013, 11, 3, 6, 30, tzinfo=UTC), "America/New_York")  # 01:30 for the second time
def test_no_time_before_or_after_a_moment_is_that_moment(unit: str, moment: datetime, zone: str) -> None:
    none = Span(f"0 {unit}s")
    assert none.before(moment, zone) == none.after(moment, zone) == moment


@given(SPANS, st.datetimes(datetime(2001, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC)))
def test_no_span_of_that_clock_is_longer_than_its_longest(span: Span, moment: datetime) -> None:
    assert span.after(moment) - moment <= timedelta(hours=span.longest)
    assert moment - span.before(moment) <= timedelta(hours=span.longest)


@pytest.mark.parametrize(
    ("text", "days"), [("1 month", 31), ("2 months", 62), ("7 months", 215), ("12 months", 366), ("9 days", 9)]
)
def test_the_longest_span_in_days(text: str, days: int) -> None:
    assert Span(text).longest == days * 24
