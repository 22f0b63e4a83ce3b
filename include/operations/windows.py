"""Monitoring windows: the periods that are measured together, and which windows follow one another."""

from collections.abc import Collection, Iterable

from include.contracts.period import Period
from include.specification.usecase import UseCase


def pooled(spec: UseCase, period: Period) -> list[Period]:
    """The periods that are measured together as the window that ends with this one, oldest first."""
    window = spec.monitoring.window
    return [period] if window is None else spec.calendar.last(window, period)


def ends(spec: UseCase, period: Period, count: int) -> list[Period]:
    """The last periods of ``count`` windows without overlap, oldest first; the newest ends with ``period``."""
    found = [period]
    while len(found) < count:
        found.append(pooled(spec, found[-1])[0].shift(-1))
    return found[::-1]


def holding(spec: UseCase, periods: Collection[Period], among: Iterable[Period]) -> list[Period]:
    """The last periods, among these, of the windows that hold at least one of ``periods``; oldest first."""
    wanted = set(periods)
    return sorted(end for end in set(among) if wanted & {*pooled(spec, end)})
