"""The monitored figures as Prometheus gauges; the state is the lake's, so a restart loses nothing."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from include.contracts import Figure

log = logging.getLogger(__name__)
LABELS = ["usecase", "release", "period", "name", "subject"]


class FigureCollector(Collector):
    """``moebius_figure{usecase, release, period, name, subject}``: the newest period of every use case.

    Older periods are left out, so that their alerts resolve. A scrape asks ``read``, at most once per
    ``cache_seconds``, and waits ``patience`` seconds; if that is not enough it gets the figures read before. When
    reading fails, or hangs for ``stale_seconds``, ``moebius_exporter_up`` is 0 and no figure is exposed: a stale
    figure would keep an alert alive, and nobody would know.
    """

    def __init__(
        self,
        read: Callable[[], Sequence[Figure]],
        cache_seconds: float = 1.0,
        patience: float = 0.5,
        stale_seconds: float = 60.0,
    ) -> None:
        self.read, self.cache_seconds, self.patience, self.stale_seconds = read, cache_seconds, patience, stale_seconds
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="figures")
        self._lock = threading.Lock()
        self._pending: Future[list[Figure]] | None = None
        self._read_at, self._figures, self._up = float("-inf"), list[Figure](), False

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            self._refresh()
            up = self._up and time.monotonic() - self._read_at < self.stale_seconds
            figures = self._figures if up else []
        yield GaugeMetricFamily("moebius_exporter_up", "1 when the figures could be read", value=float(up))
        gauge = GaugeMetricFamily("moebius_figure", "Monitored figure of the newest period", labels=LABELS)
        for f in figures:
            gauge.add_metric([f.usecase, f.release, f.period, f.name, f.subject], f.value)
        yield gauge

    def describe(self) -> list[Metric]:
        return []  # registering must not read the lake

    def _refresh(self) -> None:
        if self._pending is None and time.monotonic() - self._read_at >= self.cache_seconds:
            self._pending = self._reader.submit(lambda: newest(self.read()))
        if self._pending is None or not wait([self._pending], timeout=self.patience).done:
            return
        self._read_at, failure = time.monotonic(), self._pending.exception()
        self._figures, self._up = ([], False) if failure else (self._pending.result(), True)
        self._pending = None
        if failure:
            log.error("the monitored figures could not be read", exc_info=failure)


def newest(figures: Sequence[Figure]) -> list[Figure]:
    """The figures of the newest period of each use case; of repeated ones the last."""
    period: dict[str, str] = {}
    for f in figures:
        period[f.usecase] = max(f.period, period.get(f.usecase, ""))
    keyed = {(f.usecase, f.release, f.name, f.subject): f for f in figures if f.period == period[f.usecase]}
    return list(keyed.values())


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


def start(read: Callable[[], Sequence[Figure]], host: str, port: int, cache_seconds: float = 1.0) -> Exporter:
    """Serve ``/metrics`` in a thread of this process; raises OSError when the port is taken."""
    registry = CollectorRegistry()
    registry.register(FigureCollector(read, cache_seconds))
    return Exporter(*start_http_server(port, addr=host, registry=registry))


def serve(read: Callable[[], Sequence[Figure]], host: str, port: int) -> None:
    """Serve ``/metrics`` until the process is stopped."""
    start(read, host, port).thread.join()
