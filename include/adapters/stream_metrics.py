"""Prometheus metrics of the stream consumer."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from include.contracts.streaming import Reconciliation
from include.errors import MoebiusError

log = logging.getLogger(__name__)

LABELS = ["usecase", "view"]
DELAYS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
Gauges = Callable[[], tuple[int, int, Sequence[Reconciliation]]]
"""Backlog, dead letters and reconciliations, at the time of a scrape."""


class StreamMetrics:
    """Counters of one consumer process, by use case and feature view."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = self._counter("events", "Events that were finished, dead letters included")
        self._rows = self._counter("rows", "Feature rows that were pushed")
        self._late = self._counter("late_events", "Events that came too late and were left to the batch")
        self._buried = self._counter("buried_events", "Events that were put aside as dead letters")
        self._failures = self._counter("failures", "Times that work stopped because an outside system was away")
        self._delay = Histogram(
            "moebius_stream_delay_seconds",
            "From the publication of an event until its features are online",
            LABELS,
            buckets=DELAYS,
            registry=self.registry,
        )

    def watch(self, usecase: str, view: str, read: Gauges) -> None:
        """Expose the gauges of one stream; ``read`` is asked at every scrape."""
        for counter in (self._events, self._rows, self._late, self._buried, self._failures):
            counter.labels(usecase, view)
        self.registry.register(_Gauges(usecase, view, read))

    def done(self, usecase: str, view: str, events: int, rows: int, late: int, dead: int) -> None:
        at = (usecase, view)
        for counter, count in ((self._events, events), (self._rows, rows), (self._late, late), (self._buried, dead)):
            counter.labels(*at).inc(count)

    def delayed(self, usecase: str, view: str, published: Sequence[float]) -> None:
        """Events that were published at these epoch seconds are online now."""
        now, delay = time.time(), self._delay.labels(usecase, view)
        for moment in published:
            delay.observe(max(0.0, now - moment))

    def failed(self, usecase: str, view: str) -> None:
        self._failures.labels(usecase, view).inc()

    def serve(self, host: str, port: int) -> int:
        """``/metrics`` in a thread of this process; the port, for when 0 was asked for."""
        server, _ = start_http_server(port, addr=host, registry=self.registry)
        return int(server.server_port)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"moebius_stream_{name}", text, LABELS, registry=self.registry)


class _Gauges(Collector):
    def __init__(self, usecase: str, view: str, read: Gauges) -> None:
        self._at, self._read = [usecase, view], read

    def collect(self) -> Iterator[Metric]:
        try:
            backlog, dead, reconciled = self._read()
        except MoebiusError as error:
            log.error("the streams cannot be read: %s", error)
            return
        yield self._gauge("backlog", "Events that are not done: waiting, or being worked on", backlog)
        yield self._gauge("dead_letters", "Events that lie on the dead-letter stream", dead)
        yield self._reconciled(reconciled)

    def describe(self) -> list[Metric]:
        return []  # registering must not read anything

    def _gauge(self, name: str, text: str, value: int) -> Metric:
        gauge = GaugeMetricFamily(f"moebius_stream_{name}", text, labels=LABELS)
        gauge.add_metric(self._at, value)
        return gauge

    def _reconciled(self, found: Sequence[Reconciliation]) -> Metric:
        text = "Rows of the month reconciled last, speed layer against batch"
        gauge = GaugeMetricFamily("moebius_stream_reconciled_rows", text, labels=[*LABELS, "period", "outcome"])
        for one in [r for r in found if r.view == self._at[1]][-1:]:
            for outcome in ("equal", "differing", "only_speed", "only_batch"):
                gauge.add_metric([*self._at, one.period, outcome], getattr(one, outcome))
        return gauge
