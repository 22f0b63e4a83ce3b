"""Scores the requests of a use case's stream with its serving release."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from include.adapters.stream_metrics import Reading, ScoringMetrics
from include.contracts.streaming import StreamEntry
from include.errors import ServiceError
from include.ports.serving import ModelServer
from include.processes.stream_worker import StreamWorker, published

if TYPE_CHECKING:
    from include.adapters.event_stream import RedisEventStream
    from include.streaming.scoring import StreamScorer


@dataclass
class Scorer(StreamWorker):
    """Takes requests while the stable name is ready; what comes before waits on the stream."""

    metrics: ScoringMetrics
    BURIED = "buried"

    def __post_init__(self) -> None:
        self.metrics.watch(self.at, lambda: Reading(self.stream.backlog(), self.stream.dead_count()))

    @property
    def at(self) -> tuple[str, ...]:
        return (self.spec.name,)

    @cached_property
    def stream(self) -> "RedisEventStream":
        return self.services.adapters.scoring_stream(self.spec)

    @cached_property
    def _server(self) -> ModelServer:
        return self.services.adapters.model_server(self.spec)

    @cached_property
    def _scorer(self) -> "StreamScorer":
        from include.streaming.scoring import StreamScorer

        batch = self.spec.scoring.batch if self.spec.scoring else 1
        return StreamScorer(self.spec, self.stream, self._server, batch)

    def prepare(self) -> None: ...

    def finish(self, entries: Sequence[StreamEntry]) -> None:
        if not self._server.model_ready(self.spec.name):
            raise ServiceError(
                f"no release serves {self.spec.name}: {len(entries)} requests wait until a release is deployed"
            )
        done = self._scorer.handle(entries)
        self.metrics.count(self.at, scored=done.scored, buried=done.dead)
        self.metrics.delayed(self.at, published(entries))
