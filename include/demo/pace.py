"""How fast a use case is played, by its rhythm: days are played week by week, and take as long as months do."""

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from include.contracts.calendar import Calendar, Span
from include.contracts.period import Every, Period


class Pace(NamedTuple):
    """``runs`` of the data pipeline publish a ``history`` each, before the first training; then it goes by ``step``."""

    history: Span
    runs: int
    step: Span


PACES: dict[Every, Pace] = {
    "hour": Pace(Span("7 days"), 1, Span("1 day")),
    "day": Pace(Span("91 days"), 1, Span("7 days")),
    "week": Pace(Span("13 weeks"), 1, Span("4 weeks")),
    "month": Pace(Span("1 month"), 3, Span("1 month")),
}


class Steps(NamedTuple):
    """What is published before the first training, and what is played live after it: each of these in one run."""

    history: list[list[Period]]
    live: list[list[Period]]


def steps(calendar: Calendar, periods: Sequence[Period], runs: int | None = None) -> Steps:
    """The periods, cut as their rhythm is played; ``runs``: so many for the history instead."""
    pace = PACES[calendar.every]
    history = stretches(calendar, periods, pace.history)[: pace.runs if runs is None else runs]
    begun = sum(map(len, history))
    return Steps(history, stretches(calendar, periods[begun:], pace.step))


def stretches(calendar: Calendar, periods: Sequence[Period], length: Span) -> list[list[Period]]:
    """Periods that follow one another in stretches of a length, at least one in each; the last may be shorter."""
    cut: list[list[Period]] = []
    begun = 0
    while begun < len(periods):
        end = length.after(calendar.start(periods[begun]), calendar.timezone)
        later = takewhile(lambda period: calendar.start(period) < end, periods[begun + 1 :])  # noqa: B023 - used at once
        cut.append([periods[begun], *later])
        begun += len(cut[-1])
    return cut
