"""Schedules of a spec: cron texts, and how old a schedule lets published values become."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from include.contracts.calendar import Calendar
from include.contracts.period import Period

PRESETS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *", "@yearly": "0 0 1 1 *",
}  # fmt: skip
"""Airflow's names of schedules."""
FIELDS = 5
_CHANCE = re.compile(r"(?<![A-Za-z])R(?![A-Za-z])", re.IGNORECASE)
RUNS = 400
"""Runs that are looked at for the oldest value: more than a year of days."""
RUNS_OF_TWO_DAYS = 48
_BEGIN, _AGAIN = datetime(2012, 12, 31, tzinfo=UTC), timedelta(days=28 * 365 + 7)


def _cron(text: str) -> str:
    from croniter import croniter

    expression = PRESETS.get(text, text)
    if _CHANCE.search(expression):
        raise ValueError("R is another time whenever it is read, so nobody knows when values are stale; write a number")
    if len(expression.split()) != FIELDS or not croniter.is_valid(expression):
        raise ValueError(
            'no cron text; write "minute hour day month weekday" like "0 6 1 * *" (the 1st of each month, 06:00), '
            f"or one of {', '.join(PRESETS)}"
        )
    try:
        croniter(expression, datetime(2013, 1, 1, tzinfo=UTC)).get_next()
    except ValueError:
        raise ValueError("no cron text that ever comes: the calendar has no such day") from None
    return text


Cron = Annotated[str, AfterValidator(_cron)]
"""A cron text of five fields or one of Airflow's names, which comes again."""


class OldestValue(NamedTuple):
    """When a published value is oldest: the data of ``period`` end at ``end``; ``run`` publishes newer ones. UTC."""

    period: Period
    end: datetime
    run: datetime

    @property
    def hours(self) -> float:
        return (self.run - self.end).total_seconds() / 3600


def first_run(cron: str, calendar: Calendar, moment: datetime) -> datetime:
    """The first run by a schedule at this aware moment or later, UTC; the schedule is by the clock of the calendar."""
    return _run_from(_ticks(PRESETS.get(cron, cron), moment), moment, calendar)


@lru_cache
def oldest_value(cron: str, calendar: Calendar) -> OldestValue:
    """Over 28 years, after which weekdays and dates meet again, or 400 runs that publish something.

    Each run publishes the periods that are over by then. Hours are looked at around the longest pause of days too.
    """
    values = _values(cron, calendar, _BEGIN, RUNS)
    if calendar.every == "hour":
        values += _values(cron, calendar, _longest_pause(cron), RUNS_OF_TWO_DAYS)
    return max(values, key=lambda value: value.hours)


def _values(cron: str, calendar: Calendar, since: datetime, runs: int) -> list[OldestValue]:
    ticks = _ticks(PRESETS.get(cron, cron), since)
    begin = run = _run_from(ticks, since, calendar)
    values = list[OldestValue]()
    while not values or (len(values) < runs and run - begin < _AGAIN):
        period = calendar.complete(run)
        run = _run_from(ticks, calendar.end(period.shift(1)), calendar)
        values.append(OldestValue(period, calendar.end(period), run))
    return values


def _longest_pause(cron: str) -> datetime:
    """The day with runs after which the most days have none, UTC."""
    fields = PRESETS.get(cron, cron).split()
    ticks = _ticks(" ".join(["0", "0", *fields[2:]]), _BEGIN.replace(tzinfo=None))
    days: list[datetime] = [ticks.get_next()]
    while len(days) < RUNS and days[-1] - days[0] < _AGAIN:
        days.append(ticks.get_next())
    return max(pairwise(days), key=lambda pair: pair[1] - pair[0])[0].replace(tzinfo=UTC)


def _run_from(ticks: Any, moment: datetime, calendar: Calendar) -> datetime:
    """The first run at this moment or later, UTC; ``ticks`` are by the clock of the calendar, as Airflow reads them.

    A time that the clock skips comes when it goes on, one that comes twice counts the second time.
    """
    zone, before = ZoneInfo(calendar.timezone), moment.astimezone(UTC) - timedelta(seconds=1)
    local = before.astimezone(zone).replace(tzinfo=None)
    tick: datetime = ticks.get_next(start_time=local)
    if ticks.expanded[1] == ["*"]:  # every hour, also one that the clock shows again
        return before + (tick - local)
    return max(tick.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def _ticks(cron: str, after: datetime) -> Any:
    from croniter import croniter

    return croniter(cron, after, ret_type=datetime)
