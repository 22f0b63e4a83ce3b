"""How many rows a period may have, by the periods like it that passed before: a Sunday is compared with Sundays."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from math import sqrt
from statistics import median
from typing import NamedTuple

from include.contracts.period import Every, Period


class Likeness(NamedTuple):
    """Which earlier periods are like one, and how far its rows may be from theirs.

    ``fits`` takes the time between both. The newest ``compared`` are compared with, when there are ``enough``.
    ``low`` times the ``least`` of their rows and ``high`` times the ``most`` are the limits; ``noise`` moves them apart
    by so many standard deviations of a count, which is its square root: small counts vary by chance.
    """

    fits: Callable[[timedelta], bool]
    enough: int = 1
    compared: int = 3
    low: float = 0.5
    high: float = 2.0
    noise: float = 0.0
    least: Callable[[Sequence[int]], float] = median
    most: Callable[[Sequence[int]], float] = median


class Limits(NamedTuple):
    """Fewest and most rows; ``most`` is None when no period like it has passed yet."""

    fewest: int
    most: int | None


HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def _any(between: timedelta) -> bool:
    return True


def _weekday(between: timedelta) -> bool:
    return between % WEEK == timedelta()


def _around(cycle: timedelta) -> Callable[[timedelta], bool]:
    """The same hour, the one before and the one after: hours are UTC's, and local clocks are moved by one."""
    return lambda between: between >= cycle - HOUR and (between + HOUR) % cycle <= 2 * HOUR


LIKE: dict[Every, tuple[Likeness, ...]] = {
    "hour": (
        Likeness(_around(WEEK), enough=6, compared=9, noise=3, least=min, most=max),
        Likeness(_around(DAY), enough=3, compared=9, low=0.2, high=5, noise=3, least=min, most=max),
    ),
    "day": (Likeness(_weekday, enough=2, noise=3), Likeness(_any, low=0.2, high=5, noise=3)),
    "week": (Likeness(_any),),
    "month": (Likeness(_any),),
}
"""What is asked first has enough periods only after two weeks; until then a day is compared with any days."""
QUIET: frozenset[Every] = frozenset({"hour"})
"""Rhythms whose periods may be without a row when nothing is known of those like them."""


def like(period: Period, earlier: Sequence[Period]) -> list[tuple[Likeness, list[Period]]]:
    """The newest of the earlier periods, in order, that are like it, by every likeness of its rhythm.

    They are twice as many as are compared: some may have been refused.
    """
    before = [key for key in earlier if key < period and key.every == period.every]
    return [(kind, _newest(kind, period, before)) for kind in LIKE[period.every]]


def _newest(kind: Likeness, period: Period, before: Sequence[Period]) -> list[Period]:
    found: list[Period] = []
    for key in reversed(before):
        if len(found) == 2 * kind.compared:
            break
        if kind.fits(period.nominal - key.nominal):
            found.append(key)
    return found[::-1]


def limits(every: Every, kind: Likeness | None, counts: Sequence[int]) -> Limits:
    """Of a table that had these numbers of rows in periods like it; without any, a period must have one row."""
    if kind is None or not counts:
        return Limits(0 if every in QUIET else 1, None)
    least, most = kind.least(counts), kind.most(counts)
    return Limits(max(int(kind.low * least - _chance(kind, least)), 0), int(kind.high * most + _chance(kind, most)))


def _chance(kind: Likeness, rows: float) -> float:
    return kind.noise * sqrt(max(rows, 1))
