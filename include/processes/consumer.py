"""The stream consumer process: streaming features kept current, streamed requests scored, one thread per stream."""

import logging
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from include.adapters.stream_metrics import Reading, ScoringMetrics, StreamMetrics
from include.contracts.streaming import Reconciliation, StreamEntry
from include.processes.scorer import Scorer
from include.processes.stream_worker import StreamWorker, published
from include.settings import Settings, load_settings
from include.specification.loader import usecases

if TYPE_CHECKING:
    from include.adapters.event_stream import RedisEventStream
    from include.streaming.speed_layer import SpeedLayer

log = logging.getLogger("consumer")
RECONCILED_SECONDS = 15.0


@dataclass
class Consumer(StreamWorker):
    """Keeps the features of one view current in the online store."""

    metrics: StreamMetrics
    BURIED = "buried_events"
    _reconciled: tuple[float, Reconciliation | None] = (float("-inf"), None)

    def __post_init__(self) -> None:
        self.metrics.watch(self.at, self._gauges)

    @property
    def at(self) -> tuple[str, ...]:
        return self.spec.name, self.view

    @cached_property
    def stream(self) -> "RedisEventStream":
        return self.services.adapters.event_stream(self.spec, self.view)

    @cached_property
    def _layer(self) -> "SpeedLayer":
        from include.streaming.speed_layer import SpeedLayer

        return SpeedLayer(self.spec, self.view, self.stream, self.services.adapters.feature_store)

    def prepare(self) -> None:
        keys = dict.fromkeys(entity.key for entity in self.spec.entities.values())
        self.services.adapters.feature_store.online(self.spec.feature_service, [keys])  # slow once: not at an event

    def finish(self, entries: Sequence[StreamEntry]) -> None:
        done = self._layer.handle(entries)
        counts = {"events": done.events, "rows": done.rows, "late_events": done.late, "buried_events": done.dead}
        self.metrics.count(self.at, **counts, left_out_events=done.left_out)
        self.metrics.delayed(self.at, published(entries))

    def _gauges(self) -> Reading:
        read_at, reconciled = self._reconciled
        if time.monotonic() - read_at > RECONCILED_SECONDS:
            found = self.services.records.reconciliations(self.spec, newest=1, view=self.view)
            reconciled = found[-1] if found else None
            self._reconciled = (time.monotonic(), reconciled)
        until = self.spec.calendar.end(reconciled.period) if reconciled else None
        return Reading(self.stream.backlog(), self.stream.dead_count(), self.stream.newest(), reconciled, until)


def workers(settings: Settings, metrics: StreamMetrics, stop: threading.Event) -> list[StreamWorker]:
    """One for every stream of every use case whose spec can be used."""
    specs, scoring = usecases(), ScoringMetrics(metrics.registry)
    return [
        *(Consumer(spec, view, settings, metrics, stop) for spec in specs for view in spec.streams),
        *(Scorer(spec, spec.scoring.stream, settings, scoring, stop) for spec in specs if spec.scoring),
    ]


def main(settings: Settings) -> None:
    """Serve metrics and work on every stream of every use case, until SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    stop, metrics = threading.Event(), StreamMetrics()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    at_work = workers(settings, metrics, stop)
    metrics.serve(settings.host, settings.stream_port)
    threads = [threading.Thread(target=worker.run, name=worker.view) for worker in at_work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(load_settings())
