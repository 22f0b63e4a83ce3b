"""The common part of all stream workers: take events, finish them, retry, claim, stop."""

import logging
import os
import socket
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from include.contracts.streaming import StreamEntry
from include.errors import DamagedStateError, DataError, MoebiusError
from include.services.composition import Services
from include.settings import Settings
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from include.adapters.event_stream import RedisEventStream

log = logging.getLogger("consumer")
WAIT_SECONDS = 0.5
MAX_TRIES = 5
"""An entry that fails so often by itself, while the outside systems are there, is put aside."""


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
    BURIED: ClassVar[str]
    """The metric that counts entries that are put aside."""

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
        """Until it is done: an outside system that is away is no fault of the entries, whatever else one raises is.

        Where one of a batch is at fault, each goes alone; one that fails alone waits until the others are done, and
        is put aside when it has failed ``MAX_TRIES`` times.
        """
        batches, failures = deque([entries]), Counter[str]()
        while batches and not self.stop.is_set():
            batch = batches[0]
            try:
                self.finish(batch)
                batches.popleft()
            except Exception as error:
                self._failed(error)
                self._hold([entry for each in batches for entry in each])
                if not is_outage(error):
                    self._separate(batches, failures, error)

    def _separate(self, batches: "deque[Sequence[StreamEntry]]", failures: "Counter[str]", error: Exception) -> None:
        """What becomes of the first batch, which failed with this error."""
        batch = batches.popleft()
        if len(batch) > 1:
            batches.extend([entry] for entry in batch)
            return
        failures[batch[0].id] += 1
        if failures[batch[0].id] < MAX_TRIES or not self._put_aside(batch[0], error):
            batches.append(batch)

    def _put_aside(self, entry: StreamEntry, error: Exception) -> bool:
        """Whether it is on the dead-letter stream now."""
        words = str(error) if isinstance(error, MoebiusError) else type(error).__name__
        reason = f"it failed {MAX_TRIES} times: {words}"
        try:
            self.stream.answer([entry], {entry.id: reason}, {})
        except Exception as fault:
            self._failed(fault)
            return False
        self.metrics.count(self.at, **{self.BURIED: 1})
        log.error("%s.%s: an entry is put aside: %s", self.spec.name, self.view, reason)
        return True

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


def is_outage(error: Exception) -> bool:
    """Whether something outside is away or damaged, so that every entry would fail."""
    if isinstance(error, MoebiusError):
        return not isinstance(error, DataError) or isinstance(error, DamagedStateError)
    return isinstance(error, OSError)


def published(entries: Sequence[StreamEntry]) -> list[float]:
    """When each was published, epoch seconds: its place on the stream begins with the milliseconds."""
    return [int(entry.id.split("-")[0]) / 1000 for entry in entries]
