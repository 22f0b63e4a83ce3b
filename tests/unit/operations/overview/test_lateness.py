"""When a month is late: in a calendar that goes on, and in one of the past that is replayed."""

from datetime import UTC, datetime

import pytest

from include.contracts.period import Period
from include.operations.overview import lateness
from include.operations.overview.lateness import due, late
from include.specification.usecase import UseCase
from tests.unit.operations.monitored_world import SPEC

REPLAYED_AT = datetime(2026, 1, 1, tzinfo=UTC)
MONTHS = Period.between(Period("2013-01"), Period("2013-12"))


def test_a_month_is_due_a_day_after_the_scheduled_run_that_follows_it() -> None:
    assert SPEC.periods.schedule == "0 6 1 * *"
    assert due(SPEC, Period("2013-04")) == datetime(2013, 5, 2, 10, tzinfo=UTC), "by the clock of New York"


def test_in_a_calendar_that_goes_on_a_month_is_late_after_its_due_time() -> None:
    before, after = datetime(2013, 5, 2, 9, tzinfo=UTC), datetime(2013, 5, 2, 11, tzinfo=UTC)
    published = MONTHS[:3]
    assert late(SPEC, published, published, before).count == 0
    found = late(SPEC, published, published, after)
    assert (found.usecase, found.oldest, found.count) == (SPEC.name, "2013-04", 1)
    assert late(SPEC, [], [], after).count == 4
    assert late(SPEC, MONTHS[:11], [], datetime(2014, 1, 3, tzinfo=UTC)).oldest == "2013-12"


def test_a_replay_of_the_past_is_not_late_while_it_is_played() -> None:
    for played in range(13):
        assert late(SPEC, MONTHS[:played], MONTHS[:played], REPLAYED_AT).count == 0
    assert late(SPEC, [], MONTHS[:1], REPLAYED_AT).count == 0, "a first month that a gate refused is no gap"


def test_in_a_replay_a_month_is_late_when_a_later_one_came_before_it() -> None:
    published = [month for month in MONTHS[:6] if month != "2013-03"]
    found = late(SPEC, published, MONTHS[:6], REPLAYED_AT)
    assert (found.oldest, found.count) == ("2013-03", 1)
    assert late(SPEC, MONTHS[:2], [*MONTHS[:2], MONTHS[4]], REPLAYED_AT).count == 2


def in_rhythm(**asked: object) -> UseCase:
    return SPEC.model_copy(update={"periods": type(SPEC.periods).model_validate(asked)})


def test_a_year_of_hours_that_nobody_published_is_counted_with_few_looks_at_the_schedule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec, asked = in_rhythm(first="2025-01-01T00Z", schedule="5 * * * *"), list[Period]()

    def counted(spec: UseCase, period: Period) -> datetime:
        asked.append(period)
        return due(spec, period)

    monkeypatch.setattr(lateness, "due", counted)
    found = late(spec, [], [], datetime(2026, 1, 2, 0, 5, tzinfo=UTC))
    assert (found.oldest, found.count) == ("2025-01-01T00Z", 365 * 24 - 1), "the last one is due at this minute"
    assert len(asked) < 20


def test_every_schedule_that_a_spec_may_have_says_when_a_period_is_due() -> None:
    spec = in_rhythm(first="2013-01", schedule="@quarterly", timezone="America/New_York")
    assert due(spec, Period("2013-02")) == datetime(2013, 4, 2, 4, tzinfo=UTC)


def test_a_run_in_the_hour_that_the_clock_skips_is_awaited_when_the_clock_goes_on() -> None:
    spec = in_rhythm(first="2013-01-01", schedule="30 2 * * *", timezone="America/New_York")
    assert due(spec, Period("2013-03-09")) == datetime(2013, 3, 11, 7, 30, tzinfo=UTC), "03:30 of the day before"
