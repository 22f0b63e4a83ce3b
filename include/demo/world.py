"""The outside world of the demo: clients that ask for predictions, and the weather feed."""

import queue
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Self

import ibis
import pandas as pd
import pyarrow as pa

from include.adapters.event_stream import RedisEventStream
from include.contracts.calendar import Window
from include.contracts.period import Period
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
    """The events of some periods on one stream, each published when its time has come."""

    stream: RedisEventStream
    events: list[dict[str, Any]]
    due: list[datetime]
    sent: int = 0

    @classmethod
    def of(cls, spec: UseCase, services: Services, view: str, periods: Sequence[Period]) -> Self:
        """Events from where the stream has come to; at its very first, hours before the periods fill its windows."""
        of, stream = spec.streams[view], services.adapters.event_stream(spec, view)
        delay, begin = timedelta(hours=of.published_after_hours), spec.calendar.start(periods[0])
        begin -= 2 * timedelta(hours=of.window_hours)
        reach = spec.calendar.overlapping(Window(start=begin, end=spec.calendar.end(periods[-1])))
        dated = [one for each in reach if spec.periods.has(each) for one in dated_events(spec, services, each, view)]
        after = max(begin, stream.newest() or begin)
        dated = sorted((one for one in dated if one[0] >= after), key=lambda one: one[0])
        return cls(stream, [event for _, event in dated], [moment + delay for moment, _ in dated])

    def publish(self, moment: pd.Timestamp) -> None:
        upto = bisect_right(self.due, moment)
        self.stream.publish(self.events[self.sent : upto])
        self.sent = upto

    def waits(self, moment: pd.Timestamp) -> bool:
        """Whether something is to be published by the moment."""
        return self.sent < len(self.due) and self.due[self.sent] <= moment


@dataclass
class Traffic:
    """The live requests of periods that follow one another, in the order of event time.

    Before the requests of a moment are sent, the events published by then are on their streams and the consumer is
    done with them. ``rate`` (requests per second) may be changed while it runs; None is full speed. Below it,
    few requests are spread over ``lasting`` seconds.

    ``since``: when the first request was sent, of traffic that was interrupted. The prediction log says how far it came
    and it goes on there: an answered request is not asked again, since the online store has moved on meanwhile.
    """

    spec: UseCase
    services: Services
    periods: list[Period]
    sample: int
    since: datetime | None = None
    rate: float | None = None
    lasting: float = 0.0
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
        """Send the requests, or what is left of them."""
        begun = time.monotonic()
        events = self._events()
        self.total = len(events)
        if self.since:
            events = self._left(events, self._answered(events))
        feeds = [Feed.of(self.spec, self.services, view, self.periods) for view in self.spec.streams]
        work: queue.Queue = queue.Queue(maxsize=64)
        clients = [threading.Thread(target=self._client, args=(work,), daemon=True) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for moment, rows in events.groupby(self.spec.event.time, sort=True):
            if any(feed.waits(moment) for feed in feeds):
                work.join()  # requests see the features of their moment, not of a later one
                self._push(feeds, moment)
            for row in rows.to_dict("records"):
                self._pace()
                work.put(row)
        for _ in clients:
            work.put(None)
        for client in clients:
            client.join()
        self.seconds += time.monotonic() - begun

    def _events(self) -> pd.DataFrame:
        expressions = import_module(f"include.usecases.{self.spec.name}.features")
        events = expressions.process({name: ibis.memtable(rows) for name, rows in self._raw().items()})["events"]
        events = self._asked_now(exact_frame(events.to_pyarrow()))
        if len(events) > self.sample:
            events = events.sample(self.sample, random_state=self.periods[0].nominal.month)
        return events.sort_values([self.spec.event.time, self.spec.event.id])

    def _raw(self) -> dict[str, pa.Table]:
        """The raw rows of all events that may be asked about in these periods, up to ``event.lead`` ahead."""
        calendar, lead = self.spec.calendar, self.spec.event.lead
        end = lead.after(calendar.end(self.periods[-1]), calendar.timezone)
        ahead = calendar.overlapping(Window(start=calendar.end(self.periods[-1]), end=end)) if lead.hours else []
        landing, connector = self.services.places.landing(self.spec), self.services.adapters.connector
        reach = [*self.periods, *filter(self.spec.periods.has, ahead)]
        parts = [ingestion.tables(self.spec, period, landing, connector) for period in reach]
        timed = {name: source.time for name, source in self.spec.sources.items()}
        return {n: pa.concat_tables(p[n] for p in (parts if at else parts[:1])) for n, at in timed.items()}

    def _asked_now(self, events: pd.DataFrame) -> pd.DataFrame:
        """Without lead every event of the periods; with it those whose time, when they are asked about, is in them."""
        if not self.spec.event.lead.hours:
            return events
        window = self.spec.calendar.window(self.periods[0], self.periods[-1])
        times = events[self.spec.event.time]
        return events[(times >= window.start) & (times < window.end)]

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

        Those that failed are all that is left when everything was asked.
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

    def _push(self, feeds: list[Feed], moment: pd.Timestamp) -> None:
        """Everything that is published by the moment, and wait until its features are online."""
        for feed in feeds:
            feed.publish(moment)
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
            rate = min(self.rate, self.total / self.lasting) if self.lasting else self.rate
            now, due = time.monotonic(), self._due
            self._due = max(due, now) + 1 / rate
            if due > now:
                time.sleep(due - now)
