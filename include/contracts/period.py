"""The unit of work of the data pipeline, and windows of event times."""

from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import field_validator

from include.contracts.record import Record

MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"


class Period(Record):
    """One calendar month, the partition of every table: ``Period(key="2013-04")``."""

    key: str

    @field_validator("key")
    @classmethod
    def _month(cls, key: str) -> str:
        try:
            return datetime.strptime(key, "%Y-%m").strftime("%Y-%m")
        except ValueError:
            raise ValueError(f"period {key!r} is not a month; write it like 2013-04") from None

    @property
    def start(self) -> datetime:
        return datetime.strptime(self.key, "%Y-%m").replace(tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """Exclusive."""
        return self.shift(1).start

    def shift(self, months: int) -> Self:
        index = self.start.year * 12 + self.start.month - 1 + months
        return type(self)(key=f"{index // 12:04d}-{index % 12 + 1:02d}")

    @classmethod
    def between(cls, first: str, last: str) -> list[Self]:
        """All months from first to last, both included."""
        months, one = [], cls(key=first)
        while one.key <= last:
            months.append(one)
            one = one.shift(1)
        return months


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
    def periods(self) -> list[str]:
        """Keys of the local months that it touches."""
        last = (self.end - timedelta(microseconds=1)).strftime("%Y-%m")
        return [period.key for period in Period.between(self.start.strftime("%Y-%m"), last)]

    def utc(self) -> tuple[datetime, datetime]:
        return self.start.astimezone(UTC), self.end.astimezone(UTC)

    def bounds(self, zoned: bool, without_zone: str) -> tuple[datetime, datetime] | None:
        """Start and end as a column holds them; None when nobody said how times without zone are read."""
        start, end = (self.start, self.end) if without_zone == "local" and not zoned else self.utc()
        if zoned:
            return start, end
        return None if without_zone == "refuse" else (start.replace(tzinfo=None), end.replace(tzinfo=None))
