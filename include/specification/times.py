"""Periods, windows and clocks of a spec that must suit each other."""

from collections.abc import Iterator

from include.contracts.calendar import Calendar
from include.contracts.period import Period, counted
from include.specification.declaration import Declaration
from include.specification.part import Fault


def calendar_faults(spec: Declaration) -> Iterator[Fault]:
    """Sources by a local clock, and nobody said by which clock their rows are cut into periods."""
    zones = sorted({s.timezone for s in spec.sources.values() if s.time and s.timezone != "UTC"})
    if zones and spec.periods.timezone is None and spec.calendar.every != "hour":
        yield Fault("periods.timezone", f"the sources are local to {zones}; name one, or UTC, to cut periods by")


def window_faults(spec: Declaration) -> Iterator[Fault]:
    """By time the last part of what is learned from validates: something must be left to train on."""
    window, validation = spec.retrain.window, spec.split.validation
    if spec.split.by != "time" or window == "all":
        return
    for last in _ends_of_months(spec.calendar):
        first, end = spec.calendar.first_of_last(window, last), spec.calendar.end(last)
        if validation.before(end, spec.calendar.timezone) > spec.calendar.start(first):
            continue
        whole = f" (whole periods: {counted(Period.between(first, last))})"
        held = "" if window.hours <= validation.hours else whole
        text = (
            f"{window}{held} is not longer than split.validation = {validation}: all of it would validate, none train"
        )
        yield Fault("retrain.window", text)
        return


def _ends_of_months(calendar: Calendar) -> Iterator[Period]:
    """The periods of a year in which months end, whose lengths differ."""
    for month in Period.ranged("2013-01..2013-12"):
        yield calendar.of(calendar.start(month.shift(1))).shift(-1)


def guard_faults(spec: Declaration) -> Iterator[Fault]:
    for period in spec.guard.accept:
        if period.every != spec.calendar.every:
            yield Fault(f"guard.accept.{period}", f"is no {spec.calendar.every}, the rhythm of this use case")
