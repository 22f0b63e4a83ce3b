"""Periods, the unit of work of the data pipeline: hours, days, ISO weeks or months; and ranges of them.

This module alone knows how a period is written; when one begins knows its calendar (``include.contracts.calendar``).
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args

from pydantic_core import CoreSchema, core_schema

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


class Text(str):
    """A kind of text that its own constructor checks, also in records."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        text = core_schema.str_schema()
        plain = core_schema.plain_serializer_function_ser_schema(str, return_schema=text)
        return core_schema.no_info_after_validator_function(cls, text, serialization=plain)


class Period(Text):
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
                return Period.named(datetime.fromisocalendar(said["year"], said["week"], 1), "week")
            every: Every = "hour" if "hour" in said else "day" if "day" in said else "month"
            return Period.named(datetime(said["year"], said["month"], said.get("day", 1), said.get("hour", 0)), every)
        except ValueError:
            return None

    @classmethod
    def named(cls, moment: date, every: Every) -> "Period":
        """The period of a rhythm that a clock shows; of an hour the clock is UTC's."""
        return cls(moment.strftime(FORMS[every].written))

    @classmethod
    def recorded(cls, moment: datetime) -> Self:
        """The month of UTC in which a record of something that happened then is filed, whatever the rhythm."""
        return super().__new__(cls, moment.astimezone(UTC).strftime(FORMS["month"].written))

    @property
    def every(self) -> Every:
        """The rhythm that it is of: its text was checked when it was made, and each rhythm's has its own length."""
        return _LENGTHS[len(self)]

    @property
    def month(self) -> "Period":
        """The month that it begins in, by its name: where storage keeps it."""
        return Period(_first_day(self).strftime(FORMS["month"].written))

    @property
    def nominal(self) -> datetime:
        """2013-04-01 00:00 of 2013-04: where it begins by its name, in no zone; ``Calendar.start`` knows the zone."""
        hour = int(self[11:13]) if self.every == "hour" else 0
        return datetime.combine(_first_day(self), datetime.min.time()) + timedelta(hours=hour)

    @property
    def of_year(self) -> tuple[str, str]:
        """Year and the rest of a week's or month's key: ``2013`` and ``W14``."""
        year, _, rest = self.partition("-")
        return year, rest

    def shift(self, periods: int) -> "Period":
        """The period that lies so many periods later, or earlier when negative."""
        [shifted] = self._later([periods])
        return shifted

    def _later(self, shifts: Iterable[int]) -> "list[Period]":
        every, nominal = self.every, self.nominal
        if every == "month":
            index = nominal.year * 12 + nominal.month - 1
            return [Period(f"{(index + by) // 12:04d}-{(index + by) % 12 + 1:02d}") for by in shifts]
        return [Period.named(nominal + by * _STEPS[every], every) for by in shifts]

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
        return first._later(range(first._until(last) + 1))

    def _until(self, later: "Period") -> int:
        """How many periods of its rhythm the later one comes after it; negative when it is earlier."""
        if self.every == "month":
            return (later.nominal.year - self.nominal.year) * 12 + later.nominal.month - self.nominal.month
        return (later.nominal - self.nominal) // _STEPS[self.every]


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


def filed(times: Any) -> Any:
    """The months of UTC in which rows with these times are filed (pandas' series of aware times → of text)."""
    return times.dt.tz_convert("UTC").dt.strftime(FORMS["month"].written)
