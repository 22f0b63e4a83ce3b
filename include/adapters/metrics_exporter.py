"""Monitored figures and gate results as Prometheus gauges; all state is in the lake, so a restart loses nothing."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from include.contracts.deployment import RolloutEvent
from include.contracts.operations import Figure
from include.contracts.quality import CheckOutcome, GateResult

log = logging.getLogger(__name__)
T = TypeVar("T")
LABELS = ["usecase", "release", "period", "name", "subject"]
GATE_LABELS = ["usecase", "gate", "table", "dimension", "severity"]
GATE_SECONDS = 15.0  # a gate runs once a month; its table is larger than the figures'


class Polled(Collector, Generic[T]):
    """The newest records, for which a scrape asks ``read`` at most once per ``cache_seconds``.

    It waits ``patience`` seconds; if that is not enough it gets the records read before. When reading fails, or hangs
    for ``stale_seconds``, there are none: a stale figure would keep an alert alive, and nobody would know.
    """

    what = "records"

    def __init__(
        self,
        read: Callable[[], Sequence[T]],
        cache_seconds: float = 1.0,
        patience: float = 0.5,
        stale_seconds: float = 60.0,
    ) -> None:
        self.read, self.cache_seconds, self.patience, self.stale_seconds = read, cache_seconds, patience, stale_seconds
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self.what.replace(" ", "-"))
        self._lock = threading.Lock()
        self._pending: Future[list[T]] | None = None
        self._read_at, self._records, self._up = float("-inf"), list[T](), False

    def describe(self) -> list[Metric]:
        return []  # registering must not read the lake

    def current(self) -> list[T] | None:
        """The newest records, or None when they could not be read."""
        with self._lock:
            self._refresh()
            up = self._up and time.monotonic() - self._read_at < self.stale_seconds
            return self._records if up else None

    def _refresh(self) -> None:
        if self._pending is None and time.monotonic() - self._read_at >= self.cache_seconds:
            self._pending = self._reader.submit(lambda: list(self.read()))
        if self._pending is None or not wait([self._pending], timeout=self.patience).done:
            return
        self._read_at, failure = time.monotonic(), self._pending.exception()
        self._records, self._up = ([], False) if failure else (self._pending.result(), True)
        self._pending = None
        if failure:
            log.error("the %s could not be read", self.what, exc_info=failure)


class FigureCollector(Polled[Figure]):
    """``moebius_figure{usecase, release, period, name, subject}``: the newest period of every use case.

    Older periods are left out, so that their alerts resolve. ``moebius_exporter_up`` says whether they could be read.
    """

    what = "monitored figures"

    def collect(self) -> Iterator[Metric]:
        figures = self.current()
        up = float(figures is not None)
        yield GaugeMetricFamily("moebius_exporter_up", "1 when the figures could be read", value=up)
        gauge = GaugeMetricFamily("moebius_figure", "Monitored figure of the newest period", labels=LABELS)
        for f in figures or []:
            gauge.add_metric([f.usecase, f.release, f.period, f.name, f.subject], f.value)
        yield gauge


class GateCollector(Polled[GateResult]):
    """The newest evaluation of every gate: expectations that failed, and that broke, by table and dimension.

    What was met is 0, so that an alert resolves when the data are repaired. ``moebius_gates_up`` says whether the
    results could be read.
    """

    what = "gate results"

    def collect(self) -> Iterator[Metric]:
        results = self.current()
        up = float(results is not None)
        yield GaugeMetricFamily("moebius_gates_up", "1 when the gate results could be read", value=up)
        failed = GaugeMetricFamily("moebius_gate_failures", "Expectations that data did not meet", labels=GATE_LABELS)
        broken = GaugeMetricFamily("moebius_gate_broken", "Checks that could not be evaluated", labels=GATE_LABELS)
        for result in results or []:
            for labels in sorted({_gate_labels(result, c) for c in result.checks}):
                of_these = [c for c in result.failures if _gate_labels(result, c) == labels]
                failed.add_metric(labels, sum(not c.broken for c in of_these))
                broken.add_metric(labels, sum(c.broken for c in of_these))
        yield failed
        yield broken


class DrillCollector(Polled[RolloutEvent]):
    """The newest rollback drill of every use case: its seconds, and when it was (seconds since 1970)."""

    what = "rollback drills"

    def collect(self) -> Iterator[Metric]:
        took = GaugeMetricFamily("moebius_recovery_seconds", "A roll back in the newest drill", labels=["usecase"])
        when = GaugeMetricFamily("moebius_drill_time_seconds", "When the newest drill was", labels=["usecase"])
        for one in self.current() or []:
            took.add_metric([one.usecase], float(one.figures["recovery_seconds"]))
            when.add_metric([one.usecase], one.at.timestamp())
        yield took
        yield when


def _gate_labels(result: GateResult, check: CheckOutcome) -> tuple[str, ...]:
    return result.usecase, result.gate, check.table, check.dimension, check.severity


@dataclass(frozen=True)
class Exporter:
    """A running exporter; ``port`` is the one it got when 0 was asked for."""

    server: WSGIServer
    thread: threading.Thread

    @property
    def port(self) -> int:
        return int(self.server.server_port)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def start(
    read: Callable[[], Sequence[Figure]],
    host: str,
    port: int,
    cache_seconds: float = 1.0,
    gates: Callable[[], Sequence[GateResult]] | None = None,
    drills: Callable[[], Sequence[RolloutEvent]] | None = None,
) -> Exporter:
    """Serve ``/metrics`` in a thread of this process; raises OSError when the port is taken."""
    registry = CollectorRegistry()
    registry.register(FigureCollector(read, cache_seconds))
    if gates is not None:
        registry.register(GateCollector(gates, GATE_SECONDS))
    if drills is not None:
        registry.register(DrillCollector(drills, GATE_SECONDS))
    return Exporter(*start_http_server(port, addr=host, registry=registry))
