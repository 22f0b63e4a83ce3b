"""The outside world of the demo: clients that ask for predictions while the weather feed goes on."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module

import ibis
import pandas as pd

from include.adapters.model_server import TritonServer
from include.contracts import Period
from include.data import ingestion
from include.errors import MissingPeriodError, MoebiusError
from include.services import Services
from include.usecase import UseCase

CLIENTS = 2


@dataclass
class Traffic:
    """One month of live requests, in the order of event time.

    Before the events of an hour are sent, the feature rows known by then are pushed into the online store,
    as a streaming feed would. ``rate`` (requests per second) may be changed while it runs; None is full speed.
    """

    spec: UseCase
    services: Services
    period: Period
    sample: int
    rate: float | None = None
    sent: int = 0
    failed: int = 0
    total: int = 0
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _held: tuple[str, pd.DataFrame] | None = None
    _due: float = 0.0

    def run(self) -> None:
        """Send the month."""
        begun = time.monotonic()
        events, feed = self._events(), self._feed()
        self.total = len(events)
        work: queue.Queue = queue.Queue(maxsize=64)
        clients = [threading.Thread(target=self._client, args=(work,), daemon=True) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for hour, rows in events.groupby(events[self.spec.event.time].dt.floor("h"), sort=True):
            work.join()  # requests of an hour see the features of that hour, not of the next
            self._push(feed, hour)
            for row in rows.to_dict("records"):
                self._pace()
                work.put(row)
        for _ in clients:
            work.put(None)
        for client in clients:
            client.join()
        self.seconds += time.monotonic() - begun

    def _cleaned(self, period: Period) -> dict[str, ibis.Table]:
        raw = ingestion.tables(self.spec, period, self.services.landing(self.spec), self.services.connector)
        expressions = import_module(f"include.usecases.{self.spec.name}.features")
        return expressions.process({name: ibis.memtable(rows) for name, rows in raw.items()})

    def _before(self) -> dict[str, ibis.Table]:
        try:
            return self._cleaned(self.period.shift(-1))
        except MissingPeriodError:
            return {}  # the first month has nothing to look back to

    def _events(self) -> pd.DataFrame:
        events = self._cleaned(self.period)["events"].to_pandas()
        if len(events) > self.sample:
            events = events.sample(self.sample, random_state=self.period.start.month)
        return events.sort_values(self.spec.event.time)

    def _feed(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """(view, rows of one hour) in time order; empty when the use case streams nothing."""
        features = import_module(f"include.usecases.{self.spec.name}.features")
        live = features.live_rows(self._cleaned(self.period), self._before())
        for view, rows in live.items():
            for _, hour in rows.groupby("event_timestamp", sort=True):
                yield view, hour

    def _push(self, feed: Iterator[tuple[str, pd.DataFrame]], hour: pd.Timestamp) -> None:
        """Everything the feed knows by the hour; the first row after it is held back for the next call."""
        while held := self._held or next(feed, None):
            self._held = held
            if held[1]["event_timestamp"].iloc[0] > hour:
                return
            self.services.feature_store.push(*held)
            self._held = None

    def _client(self, work: queue.Queue) -> None:
        server = self.services.model_server(self.spec)
        try:
            self._answer(server, work)
        finally:
            server.close()

    def _answer(self, server: TritonServer, work: queue.Queue) -> None:
        while (row := work.get()) is not None:
            try:
                release = server.infer(self.spec.name, [row])[0]["release"]
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
