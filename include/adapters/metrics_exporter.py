"""The monitored figures as Prometheus gauges; the state is the lake's, so a restart loses nothing."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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

    Older periods are left out, so that their alerts resolve. ``read`` is asked at a scrape, at most once per
    ``cache_seconds``. When it fails, ``moebius_exporter_up`` is 0 and no figure is exposed: a stale figure would
    keep an alert alive, and nobody would know.
    """

    def __init__(self, read: Callable[[], Sequence[Figure]], cache_seconds: float = 1.0) -> None:
        self.read, self.cache_seconds = read, cache_seconds
        self._lock = threading.Lock()
        self._expires, self._figures, self._up = 0.0, list[Figure](), False

    def collect(self) -> Iterator[Metric]:
        figures, up = self._current()
        yield GaugeMetricFamily("moebius_exporter_up", "1 when the figures could be read", value=float(up))
        gauge = GaugeMetricFamily("moebius_figure", "Monitored figure of the newest period", labels=LABELS)
        for f in figures:
            gauge.add_metric([f.usecase, f.release, f.period, f.name, f.subject], f.value)
        yield gauge

    def describe(self) -> list[Metric]:
        return []  # registering must not read the lake

    def _current(self) -> tuple[list[Figure], bool]:
        with self._lock:
            if time.monotonic() >= self._expires:
                try:
                    self._figures, self._up = newest(self.read()), True
                except (
                    Exception
                ):  # any fault of the reader must not end the exporter: it shows as moebius_exporter_up 0
                    log.exception("the monitored figures could not be read")
                    self._figures, self._up = [], False
                self._expires = time.monotonic() + self.cache_seconds
            return self._figures, self._up


def newest(figures: Sequence[Figure]) -> list[Figure]:
    """The figures of the newest period of each use case; of repeated ones the last."""
    period = {f.usecase: max(g.period for g in figures if g.usecase == f.usecase) for f in _one_each(figures)}
    keyed = {(f.usecase, f.release, f.name, f.subject): f for f in figures if f.period == period[f.usecase]}
    return list(keyed.values())


def _one_each(figures: Sequence[Figure]) -> list[Figure]:
    return list({f.usecase: f for f in figures}.values())


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
