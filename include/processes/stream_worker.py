"""The common part of all stream workers: take events, finish them, retry, claim, stop."""

import logging
import os
import socket
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from include.contracts.streaming import StreamEntry
from include.errors import MoebiusError
from include.services.composition import Services
from include.settings import Settings
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from include.adapters.event_stream import RedisEventStream

log = logging.getLogger("consumer")
WAIT_SECONDS = 0.5


@dataclass
class StreamWorker(ABC):
    """Works on one stream until ``stop``; what it cannot finish now it tries again, and loses nothing when it dies."""

    spec: UseCase
    view: str
    settings: Settings
    metrics: Any
    stop: threading.Event
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    _claim_at: float = 0.0

    @cached_property
    def services(self) -> Services:
        return Services(self.settings)

    @cached_property
    @abstractmethod
    def stream(self) -> "RedisEventStream": ...

    @abstractmethod
    def prepare(self) -> None:
        """Whatever is slow the first time; it may raise, and is tried again."""

    @abstractmethod
    def finish(self, entries: Sequence[StreamEntry]) -> None:
        """Do what is to be done with these entries, finish them and count them; it may raise, and is tried again."""

    @property
    @abstractmethod
    def at(self) -> tuple[str, ...]:
        """The values of the stream's labels in metrics."""

    def run(self) -> None:
        self._until_ready()
        while not self.stop.is_set():
            try:
                entries = self._next()
            except Exception as error:
                self._failed(error)
                continue
            if entries:
                self._work(entries)
        self.stream.leave(self.name)
        self.stream.close()

    def _until_ready(self) -> None:
        while not self.stop.is_set():
            try:
                self.stream.open()
                self.prepare()
                break
            except Exception as error:
                self._failed(error)
        log.info("%s.%s: ready", self.spec.name, self.view)

    def _next(self) -> list[StreamEntry]:
        batch, idle = self.settings.stream_batch, self.settings.stream_claim_seconds
        if time.monotonic() >= self._claim_at:
            if entries := self.stream.reclaim(self.name, batch, idle):
                log.info("%s: %d events of a consumer that is gone", self.view, len(entries))
                return entries
            self._claim_at = time.monotonic() + idle
        return self.stream.take(self.name, batch, min(WAIT_SECONDS, idle))

    def _work(self, entries: Sequence[StreamEntry]) -> None:
        """Until it is done: an outside system that is away is no fault of the events."""
        while not self.stop.is_set():
            try:
                self.finish(entries)
                return
            except Exception as error:
                self._failed(error)
                self._hold(entries)

    def _hold(self, entries: Sequence[StreamEntry]) -> None:
        try:
            self.stream.hold(self.name, entries)
        except Exception as error:  # a worker that ended would stand still while its process lives
            log.error("%s.%s: events cannot be held: %s", self.spec.name, self.view, type(error).__name__)

    def _failed(self, error: Exception) -> None:
        """Only our own messages are logged: those of others may hold values."""
        self.metrics.count(self.at, failures=1)
        if isinstance(error, MoebiusError):
            log.error("%s.%s: %s", self.spec.name, self.view, error)
        else:
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s.%s: %s\n%s", self.spec.name, self.view, type(error).__name__, where)
        self.stop.wait(WAIT_SECONDS)
        try:
            self.stream.open()  # a Redis that lost its data has no group
        except Exception as fault:
            log.error("%s.%s: the stream cannot be opened: %s", self.spec.name, self.view, type(fault).__name__)


def published(entries: Sequence[StreamEntry]) -> list[float]:
    """When each was published, epoch seconds: its place on the stream begins with the milliseconds."""
    return [int(entry.id.split("-")[0]) / 1000 for entry in entries]
