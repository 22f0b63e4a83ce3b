"""Periods that are not published though they are due."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from include.contracts.operations import LatePeriods
from include.contracts.period import Period
from include.specification.usecase import UseCase

PUBLICATION = timedelta(hours=24)
"""From the scheduled start of a period's pipeline until the period must be published."""
CLOSED = timedelta(days=90)
"""After the last scheduled run of a calendar nothing becomes late any more."""


def due(spec: UseCase, period: Period) -> datetime:
    """When the period must be published, UTC: a day after the first scheduled run that follows it."""
    over = spec.calendar.end(period).astimezone(ZoneInfo(spec.calendar.timezone))
    begins = croniter(spec.periods.schedule, over - timedelta(seconds=1)).get_next(datetime)
    return begins.astimezone(UTC) + PUBLICATION


def late(spec: UseCase, published: Collection[Period], seen: Collection[Period], now: datetime) -> LatePeriods:
    """The periods that are late at ``now`` (aware); ``seen`` are those that a gate checked.

    In a calendar that continues, a period is late after its due time. A calendar of the past is replayed, and its clock
    is the data: there a period is late when a later one was published or checked before it.
    """
    calendar = spec.periods.so_far(now)
    going_on = spec.periods.last is None or now < due(spec, spec.periods.last) + CLOSED
    newest, first = max([*published, *seen], default=None), min(published, default=None)
    there = set(published)
    missing = [period for period in calendar if period not in there]
    overdue = [
        period
        for period in missing
        if (going_on and now > due(spec, period)) or (newest and first and first < period < newest)
    ]
    oldest = min(overdue, default=None)
    begins = spec.calendar.start(oldest) if oldest else None
    return LatePeriods(usecase=spec.name, oldest=oldest or "", begins=begins, count=len(overdue))
