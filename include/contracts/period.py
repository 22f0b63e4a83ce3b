"""The unit of work of the data pipeline, and windows of event times."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic_core import CoreSchema, core_schema

from include.contracts.record import Record
from include.errors import PeriodError


class Period(str):
    """One calendar month, the partition of every table: ``Period("2013-04")``.

    It is text: it sorts by time, and files, tables, queries and JSON hold it as it is. This module alone knows how it
    is written. Raises PeriodError when the text is not a month.
    """

    __slots__ = ()

    FORMAT: ClassVar[str] = "%Y-%m"
    """For ``strftime``."""
    PATTERN: ClassVar[str] = r"^\d{4}-(0[1-9]|1[0-2])$"
    """Regular expression of the whole text."""
    GLOB: ClassVar[str] = "????-??"
    """Matches the names of files and folders that are periods."""

    def __new__(cls, key: str) -> Self:
        try:
            return super().__new__(cls, datetime.strptime(key, cls.FORMAT).strftime(cls.FORMAT))
        except ValueError:
            raise PeriodError(f"period {str(key)!r} is not a month; write it like 2013-04") from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        text = core_schema.str_schema()
        plain = core_schema.plain_serializer_function_ser_schema(str, return_schema=text)
        return core_schema.no_info_after_validator_function(cls, text, serialization=plain)

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The period in which ``moment`` lies, by the calendar of its own time zone."""
        return super().__new__(cls, moment.strftime(cls.FORMAT))

    @property
    def start(self) -> datetime:
        """Midnight UTC of the first day, included."""
        return datetime.strptime(self, self.FORMAT).replace(tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """Midnight UTC after the last day, excluded."""
        return self.shift(1).start

    def start_in(self, timezones: Iterable[str]) -> datetime:
        """When it begins in UTC, or in the first of these calendars that is ahead of it: east of Greenwich; UTC."""
        return min([self.start, *(Window.of_month(self, zone).utc()[0] for zone in timezones)])

    def shift(self, periods: int) -> Self:
        """The period that lies so many periods later, or earlier when negative."""
        index = self.start.year * 12 + self.start.month - 1 + periods
        return type(self)(f"{index // 12:04d}-{index % 12 + 1:02d}")

    @property
    def overlapping(self) -> "list[Period]":
        """The months of any other calendar that share time with this one.

        East of Greenwich a local month begins in the UTC month before, west of it it ends in the next one.
        """
        return [self.shift(-1), self, self.shift(1)]

    @classmethod
    def between(cls, first: "Period", last: "Period") -> "list[Period]":
        """All periods from first to last, both included; [] when last is before first."""
        periods, period = [], first
        while period <= last:
            periods.append(period)
            period = period.shift(1)
        return periods


class Window(Record):
    """Event times from ``start`` to before ``end``, aware, in the time zone of the source."""

    start: datetime
    end: datetime

    @classmethod
    def of_month(cls, period: Period, timezone: str) -> Self:
        """The month by the local calendar: from local midnight to local midnight."""
        zone = ZoneInfo(timezone)
        return cls(start=period.start.replace(tzinfo=zone), end=period.end.replace(tzinfo=zone))

    @property
    def periods(self) -> list[Period]:
        """The local months that it touches."""
        return Period.between(Period.of(self.start), Period.of(self.end - timedelta(microseconds=1)))

    def utc(self) -> tuple[datetime, datetime]:
        """Start and end in UTC."""
        return self.start.astimezone(UTC), self.end.astimezone(UTC)

    def bounds(self, zoned: bool, without_zone: str) -> tuple[datetime, datetime] | None:
        """Start and end as a column holds them; None when nobody said how times without zone are read."""
        start, end = (self.start, self.end) if without_zone == "local" and not zoned else self.utc()
        if zoned:
            return start, end
        return None if without_zone == "refuse" else (start.replace(tzinfo=None), end.replace(tzinfo=None))
