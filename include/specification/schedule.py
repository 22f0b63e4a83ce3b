"""Schedules of a spec: cron texts, and how old a schedule lets published values become."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from include.contracts.period import Calendar, Period

PRESETS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *", "@yearly": "0 0 1 1 *",
}  # fmt: skip
"""Airflow's names of schedules."""
FIELDS = 5
RUNS = 400
"""Runs that are looked at for the oldest value: more than a year of days."""


def _cron(text: str) -> str:
    from croniter import croniter

    expression = PRESETS.get(text, text)
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


@lru_cache
def oldest_value(cron: str, calendar: Calendar) -> OldestValue:
    """Over a year, or 400 runs that publish something: each run publishes the periods that are over by then."""
    begin = run = _run_from(cron, datetime(2012, 12, 31, tzinfo=UTC), calendar)
    values = list[OldestValue]()
    while len(values) < RUNS and run - begin < timedelta(days=366):
        period = calendar.complete(run)
        run = _run_from(cron, calendar.end(period.shift(1)), calendar)
        values.append(OldestValue(period, calendar.end(period), run))
    return max(values, key=lambda value: value.hours)


def _run_from(cron: str, moment: datetime, calendar: Calendar) -> datetime:
    """The first run at this moment or later, UTC; the cron text is by the clock of the calendar."""
    from croniter import croniter

    zone = ZoneInfo(calendar.timezone)
    before = moment.astimezone(zone).replace(tzinfo=None) - timedelta(seconds=1)
    run: datetime = croniter(PRESETS.get(cron, cron), before, ret_type=datetime).get_next()
    return run.replace(tzinfo=zone).astimezone(UTC)
