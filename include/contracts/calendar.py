"""Calendars, whose periods follow one another; windows and lengths of time.

How a period is written only ``include.contracts.period`` knows.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from include.contracts.period import FORMS, Every, Period, Text
from include.contracts.record import Record
from include.errors import PeriodError


class Window(Record):
    """Event times from ``start`` to before ``end``, aware; ``periods`` are those that share time with it."""

    start: datetime
    end: datetime
    periods: list[Period] = []

    def within(self, timezone: str) -> "Window":
        """The same time by the clock of a zone."""
        zone = ZoneInfo(timezone)
        return self.model_copy(update={"start": self.start.astimezone(zone), "end": self.end.astimezone(zone)})

    def part(self, other: "Window") -> "Window":
        """The time that it shares with another, by its own clock and with its own periods."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        zone = self.start.tzinfo
        return self.model_copy(update={"start": start.astimezone(zone), "end": max(start, end).astimezone(zone)})

    def utc(self) -> tuple[datetime, datetime]:
        """Start and end in UTC."""
        return self.start.astimezone(UTC), self.end.astimezone(UTC)

    def bounds(self, zoned: bool, without_zone: str) -> tuple[datetime, datetime] | None:
        """Start and end as a column holds them; None when nobody said how times without zone are read."""
        start, end = (self.start, self.end) if without_zone == "local" and not zoned else self.utc()
        if zoned:
            return start, end
        return None if without_zone == "refuse" else (start.replace(tzinfo=None), end.replace(tzinfo=None))


_HOURS = {"hour": 1.0, "day": 24.0, "week": 168.0, "month": 730.5}
MOST_MONTHS = 1200
"""The longest length of time: dates end with the year 9999, and begin with 1."""


class Span(Text):
    """A length of time as people write it: ``36 hours``, ``7 days``, ``2 weeks``, ``1 month``; ``0 hours`` is none.

    Days, weeks and months are those of a local calendar: a day may have 23 hours, a month 28 days. 100 years are the
    most: the calendar ends somewhere. Raises PeriodError.
    """

    __slots__ = ()

    PATTERN: ClassVar[str] = r"^(\d{1,6}) (hour|day|week|month)s?$"
    """Regular expression of the whole text."""

    def __new__(cls, text: str) -> Self:
        if not (parts := re.fullmatch(cls.PATTERN, text, re.ASCII)):
            raise PeriodError(f"{str(text)!r} is no length of time; write it like 36 hours, 7 days, 2 weeks or 1 month")
        count, unit = int(parts[1]), parts[2]
        if count * _HOURS[unit] > _HOURS["month"] * MOST_MONTHS:
            raise PeriodError(f"{str(text)!r} is more than 100 years, the most that a length of time may be")
        return super().__new__(cls, f"{count} {unit}" if count == 1 else f"{count} {unit}s")

    @property
    def _length(self) -> relativedelta:
        count, unit = self.split()
        return relativedelta(**{unit.rstrip("s") + "s": int(count)})

    @property
    def hours(self) -> float:
        """Its usual length in hours, to compare spans: a day has 24, a month 365.25 / 12 days."""
        count, unit = self.split()
        return int(count) * _HOURS[unit.rstrip("s")]

    @property
    def longest(self) -> float:
        """As many hours as it lasts at most by a clock that is never set: of months those with the most days count."""
        if not self.endswith(("month", "months")):
            return self.hours
        begins = [datetime(2000 + n // 12, n % 12 + 1, 1) for n in range(48)]  # four years, of which one has 366 days
        return max(begin + self._length - begin for begin in begins).total_seconds() / 3600

    def before(self, moment: datetime, timezone: str = "UTC") -> datetime:
        """The moment so long before an aware one, UTC; days, weeks and months by the clock of the zone."""
        return self._shifted(moment, -self._length, timezone)

    def after(self, moment: datetime, timezone: str = "UTC") -> datetime:
        """The moment so long after an aware one, UTC; days, weeks and months by the clock of the zone."""
        return self._shifted(moment, self._length, timezone)

    def _shifted(self, moment: datetime, length: relativedelta, timezone: str) -> datetime:
        if self.split()[1].startswith("hour") or not self.hours:  # no day after the second 01:30 is no hour before it
            return moment.astimezone(UTC) + length
        return (moment.astimezone(ZoneInfo(timezone)) + length).astimezone(UTC)


class Calendar(Record):
    """The periods of a use case: every hour of UTC, or every day, ISO week or month by the clock of a time zone.

    Each moment is in exactly one period. A day may have 23, 24 or 25 hours; one that a zone skipped has none.
    """

    every: Every
    timezone: str = "UTC"

    @property
    def pattern(self) -> str:
        """Regular expression of the whole text of a period."""
        return f"^{FORMS[self.every].pattern}$"

    @property
    def range_pattern(self) -> str:
        """Regular expression of the whole text of a period, or of the first and the last of a range."""
        return f"^{FORMS[self.every].ranged}$"

    @property
    def example(self) -> str:
        return FORMS[self.every].example

    @property
    def written(self) -> str:
        """How its periods are written, for ``strftime``."""
        return FORMS[self.every].written

    def period(self, key: str) -> Period:
        """The period of this text; raises PeriodError for none, and for one of another rhythm."""
        period = Period(key)
        if period.every != self.every:
            raise PeriodError(
                f"period {str(key)!r} is a {period.every}; the periods are {self.every}s: write one like {self.example}"
            )
        return period

    def ranged(self, text: str) -> list[Period]:
        """The periods of a range, or of one alone; raises PeriodError for none, and for those of another rhythm."""
        periods = Period.ranged(text)
        self.period(periods[0])
        return periods

    @property
    def _clock(self) -> ZoneInfo:
        """The clock by which its periods begin."""
        return ZoneInfo("UTC" if self.every == "hour" else self.timezone)

    def of(self, moment: datetime) -> Period:
        """The period in which an aware moment lies."""
        period = Period.named(moment.astimezone(self._clock), self.every)
        # a clock that is set back around midnight shows the day before once more
        return period.shift(1) if moment >= self.end(period) else period

    def start(self, period: Period) -> datetime:
        """Its first moment, UTC: of a day, week or month local midnight, or when the clock skips that, what follows."""
        return period.nominal.replace(tzinfo=self._clock).astimezone(UTC)

    def end(self, period: Period) -> datetime:
        """The first moment after it, UTC."""
        return self.start(period.shift(1))

    def has_time(self, period: Period) -> bool:
        """Whether it has a moment: a day that its zone skipped has none."""
        return self.start(period) < self.end(period)

    def window(self, period: Period, last: Period | None = None) -> Window:
        """The time of a period, or from it to the end of ``last``, by the clock of the zone."""
        last = last or period
        window = Window(start=self.start(period), end=self.end(last), periods=Period.between(period, last))
        return window.within(self.timezone)

    def overlapping(self, window: Window) -> list[Period]:
        """The periods that share time with the window, in order."""
        start, end = window.utc()
        return list(self._from(self.of(start), end)) if start < end else []

    def _from(self, period: Period, end: datetime) -> Iterator[Period]:
        while self.start(period) < end:
            yield period
            period = period.shift(1)

    def before(self, span: Span, period: Period) -> list[Period]:
        """The periods that share time with the span that ends where ``period`` begins, in order."""
        start = self.start(period)
        return self.overlapping(Window(start=span.before(start, self.timezone), end=start))

    def last(self, span: Span | None, period: Period) -> list[Period]:
        """The whole periods of the span that ends with ``period``: at least that one, and without a span no other."""
        return Period.between(self.first_of_last(span, period), period)

    def first_of_last(self, span: Span | None, period: Period) -> Period:
        """The first of ``last``, without making the others: a window of hours may have hundreds."""
        if span is None:
            return period
        begin = span.before(self.end(period), self.timezone)
        first = self.of(begin)
        first = first if self.start(first) >= begin else first.shift(1)
        return min(first, period)

    def complete(self, now: datetime, last: Period | None = None) -> Period:
        """The newest period that is over at an aware moment, and not after ``last``."""
        complete = self.of(now).shift(-1)
        return complete if last is None else min(complete, last)
