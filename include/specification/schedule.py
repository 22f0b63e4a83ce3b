"""Schedules of a spec: cron texts, and how long a schedule leaves between two runs."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator

PRESETS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *", "@yearly": "0 0 1 1 *",
}  # fmt: skip
"""Airflow's names of schedules."""
FIELDS = 5
RUNS = 400
"""Runs that are looked at for the longest pause: more than a year of days."""


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


@lru_cache
def longest_pause(cron: str) -> timedelta:
    """The longest time between two runs that follow one another, over a year or 400 runs."""
    from croniter import croniter

    start = datetime(2012, 12, 31, tzinfo=UTC)
    runs = croniter(PRESETS.get(cron, cron), start, ret_type=datetime)
    times = [runs.get_next()]
    while len(times) < RUNS and times[-1] - times[0] < timedelta(days=366):
        times.append(runs.get_next())
    return max(later - earlier for earlier, later in pairwise(times))
