"""Periods, the unit of work of the data pipeline: hours, days, ISO weeks or months of a calendar; and windows of time.

This module alone knows how a period is written.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from pydantic_core import CoreSchema, core_schema

from include.contracts.record import Record
from include.errors import PeriodError

Every = Literal["hour", "day", "week", "month"]
"""The rhythms: how long a period of a use case is."""


class _Form(NamedTuple):
    """How the periods of a rhythm are written: for ``strftime``, as a regular expression, and one of them."""

    written: str
    pattern: str
    example: str

    @property
    def ranged(self) -> str:
        """Regular expression of one, or of the first and the last of a range."""
        return rf"{self.pattern}(?:\.\.{self.pattern})?"


_DAY = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
FORMS: dict[str, _Form] = {
    "hour": _Form("%Y-%m-%dT%HZ", rf"{_DAY}T(?:[01]\d|2[0-3])Z", "2013-04-01T05Z"),
    "day": _Form("%Y-%m-%d", _DAY, "2013-04-01"),
    "week": _Form("%G-W%V", r"\d{4}-W(?:0[1-9]|[1-4]\d|5[0-3])", "2013-W14"),
    "month": _Form("%Y-%m", r"\d{4}-(?:0[1-9]|1[0-2])", "2013-04"),
}
_LOOSE = [
    re.compile(rf"\s*(?P<year>\d{{4}}){rest}\s*", re.ASCII | re.IGNORECASE)
    for rest in (
        r"[-_. ]?W[-_. ]?(?P<week>\d{1,2})",
        r"[-_. ](?P<month>\d{1,2})(?:[-_. ](?P<day>\d{1,2})(?:[-_. T]+(?P<hour>\d{1,2})(?::?00){0,2} ?Z?)?)?",
        r"(?P<month>\d{2})(?:(?P<day>\d{2})(?:[-_. T]?(?P<hour>\d{2})(?:00){0,2}Z?)?)?",
    )
]
"""How people write what they mean for a period."""
_EXAMPLES = ", ".join(f"{form.example} ({every})" for every, form in FORMS.items())


class _Text(str):
    """A kind of text that its own constructor checks, also in records."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        text = core_schema.str_schema()
        plain = core_schema.plain_serializer_function_ser_schema(str, return_schema=text)
        return core_schema.no_info_after_validator_function(cls, text, serialization=plain)


class Period(_Text):
    """An hour, a day, an ISO week or a month: ``Period("2013-04-01")``.

    It is text: periods of one rhythm sort by time, and files, tables, queries and JSON hold them as they are. When one
    begins depends on the calendar (``Calendar.start``); an hour is one of UTC. Raises PeriodError for another text.
    """

    __slots__ = ()

    PATTERN: ClassVar[str] = "^(?:" + "|".join(form.pattern for form in FORMS.values()) + ")$"
    """Regular expression of the whole text, of any rhythm."""
    RANGED: ClassVar[str] = "^(?:" + "|".join(form.ranged for form in FORMS.values()) + ")$"
    """Regular expression of one period, or of the first and the last of a range."""

    def __new__(cls, key: str) -> Self:
        try:
            _first_day(key)
        except ValueError:
            meant = f"; did you mean {near}?" if (near := cls.meant(key)) else ";"
            raise PeriodError(f"period {str(key)!r} is not one{meant} periods are written like {_EXAMPLES}") from None
        return super().__new__(cls, key)

    @classmethod
    def like(cls, text: str) -> bool:
        """Whether a text is written like a period, well or not so well: ``2013-4-1``, ``2013w5``, ``2013-02-31``."""
        return any(form.fullmatch(text) for form in _LOOSE)

    @classmethod
    def meant(cls, text: str) -> "Period | None":
        """The period that a text is likely to mean: ``2013-04-01`` of ``2013-4-1``; None when there is no such one."""
        found = next((found for form in _LOOSE if (found := form.fullmatch(text))), None)
        if found is None:
            return None
        said = {name: int(part) for name, part in found.groupdict().items() if part}
        try:
            if "week" in said:
                return _named(datetime.fromisocalendar(said["year"], said["week"], 1), "week")
            every: Every = "hour" if "hour" in said else "day" if "day" in said else "month"
            return _named(datetime(said["year"], said["month"], said.get("day", 1), said.get("hour", 0)), every)
        except ValueError:
            return None

    @classmethod
    def recorded(cls, moment: datetime) -> Self:
        """The month of UTC in which a record of something that happened then is filed, whatever the rhythm."""
        return super().__new__(cls, moment.astimezone(UTC).strftime(FORMS["month"].written))

    @property
    def every(self) -> Every:
        """The rhythm that it is of."""
        return _rhythm(self)

    @property
    def month(self) -> "Period":
        """The month that it begins in, by its name: where storage keeps it."""
        return Period(_first_day(self).strftime(FORMS["month"].written))

    @property
    def nominal(self) -> datetime:
        """2013-04-01 00:00 of 2013-04: where it begins by its name, in no zone; ``Calendar.start`` knows the zone."""
        hour = int(self[11:13]) if self.every == "hour" else 0
        return datetime.combine(_first_day(self), datetime.min.time()) + timedelta(hours=hour)

    def shift(self, periods: int) -> "Period":
        """The period that lies so many periods later, or earlier when negative."""
        if self.every == "month":
            index = int(self[:4]) * 12 + int(self[5:7]) - 1 + periods
            return Period(f"{index // 12:04d}-{index % 12 + 1:02d}")
        return _named(self.nominal + periods * _STEPS[self.every], self.every)

    @classmethod
    def ranged(cls, text: str) -> "list[Period]":
        """The periods of ``2013-04-01..2013-04-30``, or of one period alone; raises PeriodError, also for none."""
        first, dots, last = text.partition(RANGE)
        periods = cls.between(cls(first), cls(last if dots else first))
        if not periods:
            raise PeriodError(f"{text!r} holds no period: {last} is before {first}; write the earlier one first")
        return periods

    @classmethod
    def between(cls, first: "Period", last: "Period") -> "list[Period]":
        """All periods from first to last, both included; [] when last is before first.

        Raises PeriodError when they are of two rhythms.
        """
        if first.every != last.every:
            raise PeriodError(f"{first} is a {first.every} and {last} a {last.every}: there is nothing between them")
        periods = [first] if first <= last else []
        while periods and periods[-1] < last:
            periods.append(periods[-1].shift(1))
        return periods


RANGE = ".."
"""Between the first and the last period of a range."""


def range_text(periods: Sequence[Period]) -> str:
    """Periods that follow one another as one text: a partition key, a form's field."""
    return str(periods[0]) if len(periods) == 1 else f"{periods[0]}{RANGE}{periods[-1]}"


def in_run_name(text: str) -> str:
    """A range as part of a run's name: ``2013-04-01~2013-04-30``; Airflow refuses names that hold two dots."""
    return str(text).replace(RANGE, "~")


def ranges(periods: Iterable[Period]) -> list[list[Period]]:
    """Periods in order, cut where one is missing between two."""
    stretches: list[list[Period]] = []
    for period in sorted(set(periods)):
        if stretches and stretches[-1][-1].shift(1) == period:
            stretches[-1].append(period)
        else:
            stretches.append([period])
    return stretches


def periods_text(periods: Iterable[Period]) -> str:
    """Periods in few words, however many: ``2013-01-01..2013-03-09, 2013-03-11``; "none"."""
    return ", ".join(range_text(stretch) for stretch in ranges(periods)) or "none"


def counted(periods: Sequence[Period]) -> str:
    """Periods of one stretch, and how many: ``2013-01-01..2013-03-09 (68 days)``, ``2013-04 (1 month)``."""
    several = "" if len(periods) == 1 else "s"
    return f"{range_text(periods)} ({len(periods):,} {periods[0].every}{several})"


def from_to(first: Period | None, last: Period) -> str:
    """A window as people read it: ``2013-06``, or ``2013-06-01 to 2013-06-14``."""
    return str(last) if first in (None, last) else f"{first} to {last}"


_STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


_LENGTHS: dict[int, Every] = {len(FORMS[every].example): every for every in get_args(Every)}


def _rhythm(key: str) -> Every:
    """Raises ValueError for a text that is written like no period."""
    every = _LENGTHS.get(len(key))
    if every is None or not re.fullmatch(FORMS[every].pattern, key, re.ASCII):
        raise ValueError(key)
    return every


@lru_cache(maxsize=32_768)
def _first_day(key: str) -> date:
    """Raises ValueError when the calendar has no such day or week."""
    match _rhythm(key):
        case "week":
            return date.fromisocalendar(int(key[:4]), int(key[6:]), 1)
        case "month":
            return date(int(key[:4]), int(key[5:7]), 1)
        case _:
            return date.fromisoformat(key[:10])


def _named(day: date, every: Every) -> Period:
    return Period(day.strftime(FORMS[every].written))


def filed(times: Any) -> Any:
    """The months of UTC in which rows with these times are filed (pandas' series of aware times → of text)."""
    return times.dt.tz_convert("UTC").dt.strftime(FORMS["month"].written)


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


class Span(_Text):
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

    def before(self, moment: datetime, timezone: str = "UTC") -> datetime:
        """The moment so long before an aware one, UTC; days, weeks and months by the clock of the zone."""
        return self._shifted(moment, -self._length, timezone)

    def after(self, moment: datetime, timezone: str = "UTC") -> datetime:
        """The moment so long after an aware one, UTC; days, weeks and months by the clock of the zone."""
        return self._shifted(moment, self._length, timezone)

    def _shifted(self, moment: datetime, length: relativedelta, timezone: str) -> datetime:
        if self.split()[1].startswith("hour"):
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
        period = _named(moment.astimezone(self._clock), self.every)
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
