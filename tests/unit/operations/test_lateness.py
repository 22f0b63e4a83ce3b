"""When a month is late: in a calendar that goes on, and in one of the past that is replayed."""

from datetime import UTC, datetime

from include.contracts.period import Period
from include.operations.lateness import due, late
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
