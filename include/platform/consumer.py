"""The stream consumer process: keeps streaming features current in the online store, one thread per stream."""

import logging
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.adapters.stream_metrics import StreamMetrics
from include.contracts import Reconciliation, StreamEntry
from include.errors import MoebiusError
from include.services import Services
from include.settings import Settings, load_settings
from include.usecase import UseCase, load_usecase, usecase_names

if TYPE_CHECKING:
    from include.data.streaming import SpeedLayer

log = logging.getLogger("consumer")
WAIT_SECONDS = 0.5
RECONCILED_SECONDS = 15.0


@dataclass
class Consumer:
    """Works on one stream until ``stop``; what it cannot finish now it tries again, and loses nothing when it dies."""

    spec: UseCase
    view: str
    settings: Settings
    metrics: StreamMetrics
    stop: threading.Event
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    _claim_at: float = 0.0
    _reconciled: tuple[float, list[Reconciliation]] = (float("-inf"), [])

    def __post_init__(self) -> None:
        self.services = Services(self.settings)
        self.stream = self.services.event_stream(self.spec, self.view)
        self.metrics.watch(self.spec.name, self.view, self._gauges)

    def run(self) -> None:
        layer = self._layer()
        while not self.stop.is_set():
            try:
                entries = self._next()
            except Exception as error:
                self._failed(error)
                continue
            if entries:
                self._work(layer, entries)
        self.stream.leave(self.name)
        self.stream.close()

    def _layer(self) -> "SpeedLayer":
        from include.data.streaming import SpeedLayer

        keys = {entity.key: "" for entity in self.spec.entities.values()}
        while not self.stop.is_set():
            try:
                self.stream.open()
                self.services.feature_store.online(self.spec.feature_service, [keys])  # slow once: not at an event
                break
            except Exception as error:
                self._failed(error)
        log.info("%s.%s: ready", self.spec.name, self.view)
        return SpeedLayer(self.spec, self.view, self.stream, self.services.feature_store)

    def _next(self) -> list[StreamEntry]:
        batch, idle = self.settings.stream_batch, self.settings.stream_claim_seconds
        if time.monotonic() >= self._claim_at:
            if entries := self.stream.reclaim(self.name, batch, idle):
                log.info("%s: %d events of a consumer that is gone", self.view, len(entries))
                return entries
            self._claim_at = time.monotonic() + idle
        return self.stream.take(self.name, batch, min(WAIT_SECONDS, idle))

    def _work(self, layer: "SpeedLayer", entries: Sequence[StreamEntry]) -> None:
        """Until it is done: an outside system that is away is no fault of the events."""
        while not self.stop.is_set():
            try:
                done = layer.handle(entries)
            except Exception as error:
                self._failed(error)
                self._hold(entries)
                continue
            self.metrics.done(self.spec.name, self.view, done.events, done.rows, done.late, done.dead)
            self.metrics.delayed(self.spec.name, self.view, [int(e.id.split("-")[0]) / 1000 for e in entries])
            return

    def _hold(self, entries: Sequence[StreamEntry]) -> None:
        try:
            self.stream.hold(self.name, entries)
        except MoebiusError as error:
            log.error("%s", error)

    def _failed(self, error: Exception) -> None:
        """Only our own messages are logged: those of others may hold values."""
        self.metrics.failed(self.spec.name, self.view)
        if isinstance(error, MoebiusError):
            log.error("%s.%s: %s", self.spec.name, self.view, error)
        else:
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s.%s: %s\n%s", self.spec.name, self.view, type(error).__name__, where)
        self.stop.wait(WAIT_SECONDS)
        try:
            self.stream.open()  # a Redis that lost its data has no group
        except MoebiusError:
            log.error("%s.%s: the stream cannot be opened", self.spec.name, self.view)

    def _gauges(self) -> tuple[int, int, list[Reconciliation]]:
        read_at, found = self._reconciled
        if time.monotonic() - read_at > RECONCILED_SECONDS:
            found = self.services.reconciliations(self.spec)
            self._reconciled = (time.monotonic(), found)
        return self.stream.backlog(), self.stream.dead_count(), found


def main(settings: Settings) -> None:
    """Serve metrics and work on every stream of every use case, until SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    stop, metrics = threading.Event(), StreamMetrics()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    specs = [load_usecase(name) for name in usecase_names()]
    consumers = [Consumer(spec, view, settings, metrics, stop) for spec in specs for view in spec.streams]
    metrics.serve(settings.host, settings.stream_port)
    threads = [threading.Thread(target=consumer.run, name=consumer.view) for consumer in consumers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(load_settings())
