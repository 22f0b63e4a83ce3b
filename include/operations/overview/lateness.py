"""Periods that are not published though they are due."""

from bisect import bisect_left
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial

from include.contracts.operations import LatePeriods
from include.contracts.period import Period
from include.specification.schedule import first_run
from include.specification.usecase import UseCase

PUBLICATION = timedelta(hours=24)
"""From the scheduled start of a period's pipeline until the period must be published."""
CLOSED = timedelta(days=90)
"""After the last scheduled run of a calendar nothing becomes late any more."""


def due(spec: UseCase, period: Period) -> datetime:
    """When the period must be published, UTC: a day after the first scheduled run that follows it."""
    return first_run(spec.periods.schedule, spec.calendar, spec.calendar.end(period)) + PUBLICATION


def late(spec: UseCase, published: Collection[Period], seen: Collection[Period], now: datetime) -> LatePeriods:
    """The periods that are late at ``now`` (aware); ``seen`` are those that a gate checked.

    In a calendar that continues, a period is late after its due time. A calendar of the past is replayed, and its clock
    is the data: there a period is late when a later one was published or checked before it.
    """
    calendar = spec.periods.so_far(now)
    going_on = spec.periods.last is None or now < due(spec, spec.periods.last) + CLOSED
    newest, first = max([*published, *seen], default=None), min(published, default=None)
    there = set(published)
    were_due = bisect_left(calendar, now, key=partial(due, spec)) if going_on else 0  # a year may have 8,760 hours
    overdue = [
        period
        for number, period in enumerate(calendar)
        if period not in there and (number < were_due or (newest and first and first < period < newest))
    ]
    oldest = min(overdue, default=None)
    begins = spec.calendar.start(oldest) if oldest else None
    return LatePeriods(usecase=spec.name, oldest=oldest or "", begins=begins, count=len(overdue))
