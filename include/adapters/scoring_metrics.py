"""Prometheus metrics of stream scoring, in the consumer process."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from include.errors import MoebiusError

log = logging.getLogger(__name__)

LABELS = ["usecase"]
DELAYS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
Gauges = Callable[[], tuple[int, int]]
"""Backlog and dead letters, at the time of a scrape."""


class ScoringMetrics:
    """Counters by use case, in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._scored = self._counter("scored", "Requests that were answered")
        self._buried = self._counter("buried", "Requests that were put aside as dead letters")
        self._failures = self._counter("failures", "Times that work stopped because an outside system was away")
        self._delay = Histogram(
            "moebius_scoring_delay_seconds",
            "From the publication of a request until its result is on the stream",
            LABELS,
            buckets=DELAYS,
            registry=registry,
        )

    def watch(self, usecase: str, read: Gauges) -> None:
        """Expose the gauges of one use case; ``read`` is asked at every scrape. Its other series begin at 0 here."""
        for series in (self._scored, self._buried, self._failures, self._delay):
            series.labels(usecase)
        self.registry.register(_Gauges(usecase, read))

    def done(self, usecase: str, scored: int, dead: int, published: Sequence[float]) -> None:
        """A batch was finished whose requests were published at these epoch seconds."""
        self._scored.labels(usecase).inc(scored)
        self._buried.labels(usecase).inc(dead)
        now, delay = time.time(), self._delay.labels(usecase)
        for moment in published:
            delay.observe(max(0.0, now - moment))

    def failed(self, usecase: str) -> None:
        self._failures.labels(usecase).inc()

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"moebius_scoring_{name}", text, LABELS, registry=self.registry)


class _Gauges(Collector):
    def __init__(self, usecase: str, read: Gauges) -> None:
        self._usecase, self._read = usecase, read

    def collect(self) -> Iterator[Metric]:
        try:
            backlog, dead = self._read()
        except MoebiusError as error:
            log.error("the requests cannot be read: %s", error)
            return
        yield self._gauge("backlog", "Requests that are not done: waiting, or being worked on (the lag)", backlog)
        yield self._gauge("dead_letters", "Requests that lie on the dead-letter stream", dead)

    def describe(self) -> list[Metric]:
        return []  # registering must not read anything

    def _gauge(self, name: str, text: str, value: int) -> Metric:
        gauge = GaugeMetricFamily(f"moebius_scoring_{name}", text, labels=LABELS)
        gauge.add_metric([self._usecase], value)
        return gauge
