"""The outside world of the demo: clients that ask for predictions, and the weather feed."""

import queue
import threading
import time
from bisect import bisect_right
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Self

import ibis
import pandas as pd
import pyarrow as pa

from include.adapters.event_stream import RedisEventStream
from include.contracts.period import Period, Window
from include.data import ingestion
from include.deployment.requests import request
from include.errors import LockHeldError, MoebiusError
from include.formats.exact_frames import exact_frame
from include.loop import monitoring
from include.platform.patience import Patience
from include.ports.serving import ModelServer
from include.services.composition import Services
from include.services.predictions import newest
from include.specification.usecase import UseCase
from include.streaming.events import EventReader

CLIENTS = 2


def raw_events(spec: UseCase, services: Services, period: Period, view: str) -> list[dict[str, Any]]:
    """The events of a period on one stream: the raw rows that the data pipeline collects."""
    return [event for _, event in dated_events(spec, services, period, view)]


def dated_events(spec: UseCase, services: Services, period: Period, view: str) -> list[tuple[datetime, dict[str, Any]]]:
    """The same, each with its time."""
    source, landing = spec.streams[view].source, services.places.landing(spec)
    rows = ingestion.batches(spec, source, period, landing, services.adapters.connector)
    return EventReader(spec, view).dated(exact_frame(pa.Table.from_batches(rows)))


@dataclass
class Feed:
    """The events of a period on one stream, each published when its time has come."""

    stream: RedisEventStream
    events: list[dict[str, Any]]
    due: list[datetime]
    sent: int = 0

    @classmethod
    def of(cls, spec: UseCase, services: Services, view: str, period: Period) -> Self:
        """Events from where the stream has come to; at its very first, hours before the period fill its windows."""
        of, stream = spec.streams[view], services.adapters.event_stream(spec, view)
        delay, begin = timedelta(hours=of.published_after_hours), spec.calendar.start(period)
        begin -= 2 * timedelta(hours=of.window_hours)
        before = spec.calendar.overlapping(Window(start=begin, end=spec.calendar.end(period)))
        dated = [one for each in before if spec.periods.has(each) for one in dated_events(spec, services, each, view)]
        after = max(begin, stream.newest() or begin)
        dated = sorted((one for one in dated if one[0] >= after), key=lambda one: one[0])
        return cls(stream, [event for _, event in dated], [moment + delay for moment, _ in dated])

    def publish(self, hour: pd.Timestamp) -> None:
        upto = bisect_right(self.due, hour)
        self.stream.publish(self.events[self.sent : upto])
        self.sent = upto


@dataclass
class Traffic:
    """One month of live requests, in the order of event time.

    Before the requests of an hour are sent, the events published by then are on their streams and the consumer is
    done with them. ``rate`` (requests per second) may be changed while it runs; None is full speed.

    ``since``: when the first request was sent, of traffic that was interrupted. The prediction log says how far it came
    and it goes on there: an answered request is not asked again, since the online store has moved on meanwhile.
    """

    spec: UseCase
    services: Services
    period: Period
    sample: int
    since: datetime | None = None
    rate: float | None = None
    sent: int = 0
    failed: int = 0
    total: int = 0
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _due: float = 0.0

    @property
    def begins(self) -> datetime:
        """Event time of the first request."""
        first: datetime = self._events()[self.spec.event.time].min()
        return first

    def run(self) -> None:
        """Send the month, or what is left of it."""
        begun = time.monotonic()
        events = self._events()
        self.total = len(events)
        if self.since:
            events = self._left(events, self._answered(events))
        feeds = [Feed.of(self.spec, self.services, view, self.period) for view in self.spec.streams]
        work: queue.Queue = queue.Queue(maxsize=64)
        clients = [threading.Thread(target=self._client, args=(work,), daemon=True) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for hour, rows in events.groupby(events[self.spec.event.time].dt.floor("h"), sort=True):
            work.join()  # requests of an hour see the features of that hour, not of the next
            self._push(feeds, hour)
            for row in rows.to_dict("records"):
                self._pace()
                work.put(row)
        for _ in clients:
            work.put(None)
        for client in clients:
            client.join()
        self.seconds += time.monotonic() - begun

    def _events(self) -> pd.DataFrame:
        landing = self.services.places.landing(self.spec)
        raw = ingestion.tables(self.spec, self.period, landing, self.services.adapters.connector)
        expressions = import_module(f"include.usecases.{self.spec.name}.features")
        events = expressions.process({name: ibis.memtable(rows) for name, rows in raw.items()})["events"]
        events = exact_frame(events.to_pyarrow())
        if len(events) > self.sample:
            events = events.sample(self.sample, random_state=self.period.nominal.month)
        return events.sort_values([self.spec.event.time, self.spec.event.id])

    def _answered(self, events: pd.DataFrame) -> pd.DataFrame:
        """The answer to each of the events that has one."""
        patience = Patience(60)
        while True:
            try:
                monitoring.ship_predictions(self.spec, self.services)
                break
            except LockHeldError:
                if patience.fault():
                    raise
                time.sleep(0.3)
        logged = self.services.predictions.of(self.spec, events)
        return newest(self.spec, logged[logged["logged_at"] >= self.since]) if len(logged) else logged

    def _left(self, events: pd.DataFrame, answered: pd.DataFrame) -> pd.DataFrame:
        """What was not asked yet: hours are asked one after the other. A failed request of an hour before stays one.

        Those that failed are all that is left when the whole month was asked.
        """
        if answered.empty:
            return events
        hours = events[self.spec.event.time].dt.floor("h")
        has_answer = events[self.spec.event.id].isin(answered[self.spec.event.id])
        asked = has_answer | (hours < hours[has_answer].max())
        asked = has_answer if asked.all() else asked
        self.sent, self.failed = int(asked.sum()), int((asked & ~has_answer).sum())
        self.answers.update(answered["release"])
        return events[~asked]

    def _push(self, feeds: list[Feed], hour: pd.Timestamp) -> None:
        """Everything that is published by the hour, and wait until its features are online."""
        for feed in feeds:
            feed.publish(hour)
        for feed in feeds:
            feed.stream.await_done()

    def _client(self, work: queue.Queue) -> None:
        with closing(self.services.adapters.model_server(self.spec)) as server:
            self._answer(server, work)

    def _answer(self, server: ModelServer, work: queue.Queue) -> None:
        while (row := work.get()) is not None:
            try:
                release = server.infer(self.spec.name, [request(self.spec.inputs, row)])[0]["release"]
            except MoebiusError:
                release = None
            with self._lock:
                self.sent += 1
                self.failed += release is None
                self.answers.update([release] if release else [])
            work.task_done()
        work.task_done()

    def _pace(self) -> None:
        if self.rate:
            now, due = time.monotonic(), self._due
            self._due = max(due, now) + 1 / self.rate
            if due > now:
                time.sleep(due - now)
