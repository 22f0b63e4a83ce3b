"""Whatever one entry raises puts it aside, and the next ones flow; what is away outside stops them, and no more."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from include.contracts.streaming import StreamEntry
from include.errors import DamagedStateError, DataError, NotFoundError, ServiceError
from include.processes import stream_worker
from include.processes.stream_worker import MAX_TRIES, StreamWorker
from include.settings import Settings
from include.specification.loader import load_usecase


class Stream:
    """Hands out its entries once, and stops the worker when all are done."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.waiting = [StreamEntry(id=f"1-{n}", text=str(n)) for n in numbers]
        self.dead: dict[str, str] = {}
        self.fails = 0

    def open(self) -> None: ...
    def close(self) -> None: ...
    def leave(self, consumer: str) -> None: ...
    def hold(self, consumer: str, entries: Sequence[StreamEntry]) -> None: ...

    def reclaim(self, consumer: str, count: int, idle_seconds: float) -> list[StreamEntry]:
        return []

    def take(self, consumer: str, count: int, wait_seconds: float) -> list[StreamEntry]:
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def answer(self, entries: Sequence[StreamEntry], dead: Mapping[str, str], results: Mapping[str, str]) -> None:
        if self.fails:
            self.fails -= 1
            raise ServiceError("Redis is away")
        self.dead |= dead


class Metrics:
    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def count(self, at: Sequence[str], **counts: int) -> None:
        self.counts |= {name: self.counts.get(name, 0) + count for name, count in counts.items()}


class Worker(StreamWorker):
    """Raises ``error`` for the entries ``poison``; ``away`` times the outside is away first."""

    BURIED = "buried"
    stream: Any = None
    at = ("usecase", "view")

    def given(self, stream: Stream, poison: set[str], error: Exception, away: int = 0) -> "Worker":
        self.stream, self.poison, self.error, self.away = stream, poison, error, away
        self.wanted, self.done = len(stream.waiting), list[str]()
        return self

    def prepare(self) -> None: ...

    def finish(self, entries: Sequence[StreamEntry]) -> None:
        if self.away:
            self.away -= 1
            raise ServiceError("the store is away")
        if any(entry.text in self.poison for entry in entries):
            raise self.error
        self.done += [entry.text for entry in entries]
        self._stop_when_all_is_done()

    def _put_aside(self, entry: StreamEntry, error: Exception) -> bool:
        done = super()._put_aside(entry, error)
        self._stop_when_all_is_done()
        return done

    def _stop_when_all_is_done(self) -> None:
        if len(self.done) + len(self.stream.dead) == self.wanted:
            self.stop.set()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(stream_worker, "WAIT_SECONDS", 0.001)
    return Worker(load_usecase("flight_delay"), "view", Settings(), Metrics(), threading.Event(), name="w")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("secret"),
        KeyError("secret"),
        RecursionError(),
        MemoryError(),
        AssertionError(),
        DataError("a column"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_one_entry_raises_puts_it_aside_and_the_next_ones_flow(worker: Worker, error: Exception) -> None:
    stream = Stream(range(9))
    worker.given(stream, {"3", "7"}, error).run()
    assert worker.done == ["0", "1", "2", "4", "5", "6", "8"], "each good one once, before a bad one is tried again"
    assert set(stream.dead) == {"1-3", "1-7"}
    assert all(reason.startswith(f"it failed {MAX_TRIES} times: ") for reason in stream.dead.values())
    assert all("secret" not in reason for reason in stream.dead.values())
    assert worker.metrics.counts["buried"] == 2


@pytest.mark.parametrize(
    "error", [ServiceError("away"), OSError(), NotFoundError("no view"), DamagedStateError("emptied")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_what_is_away_or_damaged_outside_puts_nothing_aside(worker: Worker, error: Exception) -> None:
    stream, tries = Stream(range(3)), 0
    worker.given(stream, {"1"}, error)

    def failed(error: Exception) -> None:
        nonlocal tries
        tries += 1
        if tries > 3 * MAX_TRIES:
            worker.poison = set()

    worker._failed = failed  # type: ignore[method-assign]
    worker.run()
    assert (worker.done, stream.dead) == (["0", "1", "2"], {})


def test_an_entry_is_put_aside_though_the_stream_is_away_at_first(worker: Worker) -> None:
    stream = Stream(range(2))
    stream.fails = 2
    worker.given(stream, {"0"}, ValueError(), away=2).run()
    assert (worker.done, set(stream.dead)) == (["1"], {"1-0"})
