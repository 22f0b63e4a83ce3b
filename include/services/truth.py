"""The events of a use case, joined across periods: where an answer belongs, and what is known of its event.

An event may be asked about up to ``event.lead`` before it happens, and its row, with the label, may be of a later
period than its time. Each answer belongs to one published period: the one in which its time lies, or an earlier one in
whose ``events`` it stands (the month of a plane is complete after the month). Where that period is not published, it
belongs to the next one that is; so no answer is lost, and none counts twice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import takewhile
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.period import Period
from include.contracts.tables import PERIOD, SnapshotRef
from include.data import versioning
from include.formats.exact_frames import exact_frame
from include.formats.ties import latest_known, latest_per_key
from include.operations.windows import maturity
from include.ports.lake import Lake
from include.specification.usecase import UseCase

MONTHS_CLAMPED = timedelta(days=3)
"""A span of months back and forth again may miss the moment by so much: 31 March, 28 February, 28 March."""


class Truth:
    """What is published of ``events``; what was read of a period is kept, so one is made for each run."""

    def __init__(
        self, spec: UseCase, lake: Lake, snapshots: Iterable[SnapshotRef], only: Sequence[str] | None = None
    ) -> None:
        """``only``: the ids of the events that will be asked about, where the others need not be read."""
        self._spec, self._lake = spec, lake
        self._only = {} if only is None else {spec.event.id: [*only]}
        self._snapshots = {snapshot.period: snapshot for snapshot in snapshots}
        self._tables: dict[Period, pd.DataFrame] = {}

    @cached_property
    def published(self) -> list[Period]:
        """The published periods, oldest first."""
        return sorted(self._snapshots)

    @property
    def until(self) -> datetime | None:
        """The end of the newest published period."""
        return self._end(self.published[-1]) if self.published else None

    def rows(self, periods: Iterable[Period]) -> pd.DataFrame:
        """The rows of ``events`` in those of the periods that are published, with their ``period``."""
        wanted = [period for period in periods if period in self._snapshots]
        self._read([period for period in wanted if period not in self._tables])
        parts = [self._tables[period] for period in wanted]
        columns = [self._spec.event.id, PERIOD]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns, dtype=object)

    def _read(self, periods: list[Period]) -> None:
        """Keep their tables, which are read at once."""
        if not periods:
            return
        snapshots = [self._snapshots[period] for period in periods]
        rows = exact_frame(versioning.read_all(snapshots, "events", self._lake, **self._only))
        there = {Period(period): part for period, part in rows.groupby(PERIOD, sort=False)}
        self._tables |= {period: there.get(period, rows.iloc[:0]).reset_index(drop=True) for period in periods}

    def known_until(self, period: Period) -> datetime:
        """An answer about an event before may belong to the period because its event stands in the table."""
        end = self._spec.event.lead.after(self._end(period.shift(1)), self._spec.calendar.timezone)
        return end + MONTHS_CLAMPED  # a month after 31 March, 0 o'clock, is before one after 30 March, 22 o'clock

    def may_tell(self, period: Period) -> datetime:
        """The table of the period may hold the truth about events from then on."""
        spec, zone = self._spec, self._spec.calendar.timezone
        begin = spec.calendar.start(period.shift(-1))
        return spec.event.lead.before(spec.event.label_delay.before(begin, zone), zone) - MONTHS_CLAMPED

    def homes(self, asked: pd.DataFrame, upto: Period | None = None) -> pd.Series:
        """The period that each answer belongs to; None where that is not published yet, or later than ``upto``.

        ``asked`` has the id and the time of the event, as they were asked about.
        """
        known = self.published if upto is None else self.published[: bisect_right(self.published, upto)]
        if asked.empty or not known:
            return pd.Series([None] * len(asked), asked.index, dtype=object)
        places = np.minimum(self._by_time(asked, known), self._by_table(asked, known))
        return pd.Series(np.array([*known, None], dtype=object)[places], asked.index)

    def _by_time(self, asked: pd.DataFrame, known: list[Period]) -> np.ndarray:
        """(n,) place of the first of the periods that ends after the event; their number where none does."""
        times = _utc(asked[self._spec.event.time])
        first = bisect_left(known, self._spec.calendar.of(times.min()))
        last = bisect_left(known, self._spec.calendar.of(times.max())) + 1
        ends = _utc([self._end(period) for period in known[first:last]])
        return first + np.searchsorted(ends.asi8, times.asi8, "right")

    def _by_table(self, asked: pd.DataFrame, known: list[Period]) -> np.ndarray:
        """(n,) place of the first of the periods in whose table the event stands, not long before its time."""
        name, times = self._spec.event.id, _utc(asked[self._spec.event.time])
        rows = self.rows(self._near(times.min(), times.max(), known))
        stands = rows.loc[rows[name].isin(asked[name]), [name, PERIOD]].drop_duplicates()
        if stands.empty:
            return np.full(len(asked), len(known))
        limits = {period: self.known_until(Period(period)) for period in stands[PERIOD].unique()}
        places = {period: bisect_left(known, period) for period in limits}
        stands = stands.assign(until=_utc(stands[PERIOD].map(limits)), home=stands[PERIOD].map(places))
        pairs = pd.DataFrame({name: asked[name].to_numpy(), "at": times, "row": range(len(asked))}).merge(stands)
        first = pairs[pairs["at"] < pairs["until"]].groupby("row")["home"].min()
        return first.reindex(range(len(asked)), fill_value=len(known)).to_numpy(dtype=int)

    def _near(self, first: datetime, last: datetime, known: list[Period]) -> list[Period]:
        """The periods in whose tables an event of these times may stand before its time, and those of the times."""
        spec, zone = self._spec, self._spec.calendar.timezone
        begin = spec.calendar.of(spec.event.lead.before(first, zone) - MONTHS_CLAMPED).shift(-2)
        return between(known, begin, spec.calendar.of(last))

    def of(self, asked: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
        """The row of each event asked about that has one: the newest whose label is known, else the newest.

        Looked for up to ``event.lead`` and ``event.label_delay`` after its time, and in the period after that.
        """
        if asked.empty:
            return self.rows([])
        name, times = self._spec.event.id, asked[self._spec.event.time]
        first, last = times.min(), times.max()
        rows = self.rows([*self._near(first, last, self.published), *self._later(last)])
        rows = rows[rows[name].isin(asked[name])].reset_index(drop=True)
        if self._spec.event.label is None or rows.empty:
            return latest_per_key(rows, [name], [PERIOD])
        return latest_known(rows, name, maturity.known(self._spec, rows, as_of), [PERIOD])

    def _later(self, last: datetime) -> Iterator[Period]:
        """The published periods after the one of a time that may hold the truth about an event of it."""
        after = bisect_right(self.published, self._spec.calendar.of(last))
        return takewhile(lambda period: self.may_tell(period) <= last, self.published[after:])

    def latest_time(self, period: Period) -> datetime:
        """When the events of a period end: with the period, or later when its table holds later ones."""
        end, time = self._end(period), self._spec.event.time
        if self._spec.event.lead.hours or period not in self._snapshots:
            return end
        rows = self.rows([period])
        if rows.empty or time not in rows:
            return end
        return max(end, rows[time].max().to_pydatetime() + timedelta(microseconds=1))

    def _end(self, period: Period) -> datetime:
        return self._spec.calendar.end(period)


def between(periods: list[Period], first: Period, last: Period) -> list[Period]:
    """Those of the sorted periods from first to last."""
    return periods[bisect_left(periods, first) : bisect_right(periods, last)]


def _utc(times: Any) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(times, utc=True, cache=False)).as_unit("us")
