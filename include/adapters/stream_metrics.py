"""Prometheus metrics of the workers on streams, in the consumer process."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import ClassVar, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from include.contracts.streaming import Reconciliation
from include.errors import MoebiusError

log = logging.getLogger(__name__)

DELAYS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
OUTCOMES = ("equal", "differing", "only_speed", "only_batch")
FAILURES = {"failures": "Times that work stopped because an outside system was away"}
PATIENCE = 0.25
Place = tuple[str, ...]


class Reading(NamedTuple):
    """What the gauges of a stream say at the time of a scrape; ``until`` is the end of the reconciled period."""

    backlog: int
    dead: int
    newest: datetime | None = None
    reconciled: Reconciliation | None = None
    until: datetime | None = None


Gauges = Callable[[], Reading]


class WorkerMetrics:
    """Counters, delays and gauges of streams; ``at`` are the values of the labels of one stream."""

    kind: ClassVar[str]
    labels: ClassVar[list[str]]
    entries: ClassVar[str]
    counters: ClassVar[Mapping[str, str]]
    delay: ClassVar[str]

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._counters = {
            name: Counter(f"moebius_{self.kind}_{name}", text, self.labels, registry=self.registry)
            for name, text in {**self.counters, **FAILURES}.items()
        }
        name = f"moebius_{self.kind}_delay_seconds"
        self._delay = Histogram(name, self.delay, self.labels, buckets=DELAYS, registry=self.registry)
        self._gauges = _Gauges(self)
        self.registry.register(self._gauges)

    def watch(self, at: Sequence[str], read: Gauges) -> None:
        """Expose the gauges of a stream; every scrape calls ``read``. The other series of the stream begin at 0."""
        for series in (*self._counters.values(), self._delay):
            series.labels(*at)
        self._gauges.add(at, read)

    def count(self, at: Sequence[str], **counts: int) -> None:
        for name, count in counts.items():
            self._counters[name].labels(*at).inc(count)

    def delayed(self, at: Sequence[str], published: Sequence[float]) -> None:
        """Entries that were published at these epoch seconds are finished now."""
        now, delay = time.time(), self._delay.labels(*at)
        for moment in published:
            delay.observe(max(0.0, now - moment))

    def serve(self, host: str, port: int) -> int:
        """Serve ``/metrics`` in a thread of this process; returns the port, for when 0 was asked for."""
        server, _ = start_http_server(port, addr=host, registry=self.registry)
        return int(server.server_port)


class StreamMetrics(WorkerMetrics):
    """Of the streams of events, by use case and feature view."""

    kind, labels, entries = "stream", ["usecase", "view"], "Events"
    counters: ClassVar = {
        "events": "Events that were finished, dead letters included",
        "rows": "Feature rows that were pushed",
        "late_events": "Events that came too late and were left to the batch",
        "buried_events": "Events that were put aside as dead letters",
        "left_out_events": "Raw rows that are no event of the view: a computed id, key or time is null",
    }
    delay = "From the publication of an event until its features are online"


class ScoringMetrics(WorkerMetrics):
    """Of the streams of requests, by use case."""

    kind, labels, entries = "scoring", ["usecase"], "Requests"
    counters: ClassVar = {
        "scored": "Requests that were answered",
        "buried": "Requests that were put aside as dead letters",
    }
    delay = "From the publication of a request until its result is on the stream"


class _Gauges(Collector):
    """The gauges of all streams of one kind: a family is told once, whatever number of streams has a sample in it.

    A scrape waits for a quarter of a second. A stream that is not read by then cannot be read. With a system away
    the scrape itself must not fail: all other figures of the process would go with it.
    """

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._of, self._streams = metrics, dict[Place, Gauges]()
        self._pending: dict[Place, Future[Reading]] = {}
        self._turn = threading.Lock()

    def add(self, at: Sequence[str], read: Gauges) -> None:
        self._streams[tuple(at)] = read
        self._readers = ThreadPoolExecutor(len(self._streams), thread_name_prefix=f"{self._of.kind}-gauges")

    def _read(self) -> list[tuple[Place, Reading | None]]:
        """Of each stream what is known of it now, or None; several scrapes at once follow one another."""
        with self._turn:
            for at, read in self._streams.items():
                if at not in self._pending:
                    self._pending[at] = self._readers.submit(read)
            wait(self._pending.values(), timeout=PATIENCE)
            return [(at, self._result(at)) for at in self._streams]

    def _result(self, at: Place) -> Reading | None:
        if not self._pending[at].done():
            return None
        try:
            return self._pending.pop(at).result()
        except MoebiusError as error:
            log.error("the metrics of stream %s cannot be read: %s", "/".join(at), error)
        except Exception as error:  # its words may hold a value
            log.error("the metrics of stream %s cannot be read: %s", "/".join(at), type(error).__name__)
        return None

    def collect(self) -> Iterator[Metric]:
        up = self._family("up", "1 when the stream could be read")
        backlog = self._family("backlog", f"{self._of.entries} that are not done: waiting, or being worked on")
        dead = self._family("dead_letters", f"{self._of.entries} that lie on the dead-letter stream")
        newest = self._family("event_time_seconds", "Time of the newest event that was processed, since 1970-01-01 UTC")
        compared = self._family("reconciled_rows", "Rows of the newest reconciliation", ["outcome"])
        until = self._family("reconciled_until_seconds", "End of the period that the newest reconciliation compared")
        for at, reading in self._read():
            up.add_metric(at, reading is not None)
            if reading is None:
                continue
            backlog.add_metric(at, reading.backlog)
            dead.add_metric(at, reading.dead)
            if reading.newest:
                newest.add_metric(at, reading.newest.timestamp())
            if reading.reconciled and reading.until:
                until.add_metric(at, reading.until.timestamp())
                for outcome in OUTCOMES:
                    compared.add_metric([*at, outcome], getattr(reading.reconciled, outcome))
        yield from (family for family in (up, backlog, dead, newest, compared, until) if family.samples)

    def describe(self) -> list[Metric]:
        return []  # registering must not read anything

    def _family(self, name: str, text: str, more: Sequence[str] = ()) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"moebius_{self._of.kind}_{name}", text, labels=[*self._of.labels, *more])
