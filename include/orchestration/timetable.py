"""When the data pipeline of a use case runs by itself, and for which periods."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Self

import pendulum
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable

from include.contracts.calendar import Calendar
from include.contracts.period import Period, in_run_name, range_text
from include.errors import PeriodError
from include.specification.schedule import PRESETS


class PeriodTimetable(CronPartitionTimetable):
    """Starts by a cron text on the clock of the calendar; a run is for the newest period that is over.

    After an outage one run is for all periods since the last scheduled run: its partition key is the range of them.
    So is a backfill, and a person may give any range as partition key.
    """

    def __init__(self, cron: str, calendar: Calendar, first: Period, last: Period | None = None) -> None:
        super().__init__(PRESETS.get(cron, cron), timezone=calendar.timezone, key_format=calendar.written)
        self._calendar, self._first, self._last = calendar, first, last

    def serialize(self) -> dict[str, Any]:
        calendar = {"every": self._calendar.every, "timezone": self._calendar.timezone}
        last = self._last and str(self._last)  # Airflow's messages take str alone, no kind of it
        return {"cron": self._expression, "first": str(self._first), "last": last, **calendar}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        calendar = Calendar(every=data["every"], timezone=data["timezone"])
        return cls(data["cron"], calendar, Period(data["first"]), Period(data["last"]) if data["last"] else None)

    def __eq__(self, other: object) -> bool:
        """Airflow compares DAGs while it makes mapped tasks; its own comparison imports its API server's models."""
        return isinstance(other, type(self)) and self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((self._expression, self._calendar, self._first))

    @property
    def summary(self) -> str:
        return f"{self._expression} ({self._calendar.timezone})"

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next tick after the first period is over, with every period that no scheduled run was for."""
        due = pendulum.instance(self._calendar.end(self._first))
        earliest = max(restriction.earliest or due, due)
        restriction = restriction._replace(earliest=earliest)
        tick = super().next_dagrun_info_v2(last_dagrun_info=last_dagrun_info, restriction=restriction)
        if tick is None:
            return None
        newest = self._newest(tick.run_after)
        return self._run(self._periods_since(last_dagrun_info, newest), run_after=tick.run_after)

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterator[DagRunInfo]:
        """One run for all periods that begin between two times of the calendar's clock: what a backfill is given."""
        start, end = (self.localize_partition_datetime(time) for time in (earliest, latest))
        newest = min(self._calendar.of(end), self._newest(pendulum.now("UTC")))
        oldest = max(self._calendar.of(start), self._first)
        if self._calendar.start(oldest) < start:
            oldest = oldest.shift(1)
        if oldest <= newest:
            yield self._run(Period.between(oldest, newest))

    def generate_run_id(self, **about: Any) -> str:
        """The name of a run that the scheduler, a backfill or a person starts."""
        return in_run_name(super().generate_run_id(**about))

    def _newest(self, now: datetime) -> Period:
        return self._calendar.complete(now, self._last)

    def _periods_since(self, last: DagRunInfo | None, newest: Period) -> list[Period]:
        """Those after the last run's; the newest alone where that run knew another calendar, or is for the newest."""
        try:
            after = self._ranged(str(last.partition_key))[-1].shift(1) if last and last.partition_key else newest
        except InvalidPartitionKeyError:
            after = newest
        return Period.between(max(min(after, newest), self._first), newest)

    def _run(self, periods: list[Period], run_after: pendulum.DateTime | None = None) -> DagRunInfo:
        moment = self._moment(periods)
        return DagRunInfo(
            run_after=run_after or moment,
            data_interval=None,
            partition_date=moment,
            partition_key=str(range_text(periods)),
        )

    def _moment(self, periods: list[Period]) -> pendulum.DateTime:
        """Its start for one period; no two ranges have the same, since Airflow takes runs of one moment for one."""
        start = self._calendar.start(periods[0]) + timedelta(microseconds=len(periods) - 1)
        return pendulum.instance(start)

    def _ranged(self, key: str) -> list[Period]:
        """Raises InvalidPartitionKeyError for what is no range of this calendar."""
        try:
            return self._calendar.ranged(key)
        except PeriodError as error:
            raise InvalidPartitionKeyError(str(error)) from None

    def _get_partition_info(self, run_date: pendulum.DateTime) -> tuple[pendulum.DateTime, str]:
        periods = [self._newest(run_date)]
        return self._moment(periods), str(range_text(periods))

    def _decode_partition_date(self, partition_key: str) -> datetime:
        return self._moment(self._ranged(partition_key))
