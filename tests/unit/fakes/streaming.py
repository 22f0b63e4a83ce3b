"""Streams and stores in memory, for the pure steps of the speed layer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from include.contracts.streaming import DeadLetter, StreamChange, StreamEntry, StreamWindow


class MemoryStream:
    """What a stream remembers, without a server."""

    def __init__(self) -> None:
        self.windows: dict[str, StreamWindow] = {}
        self.rows: dict[str, dict[str, str]] = {}
        self.homes: dict[str, str] = {}
        self.dead: dict[str, str] = {}
        self.replayed = 0

    def open(self) -> None: ...

    def publish(self, events: Sequence[Mapping[str, Any]], patience: float = 60.0) -> None:
        raise NotImplementedError

    def backlog(self) -> int:
        return 0

    def take(self, consumer: str, count: int, wait_seconds: float) -> list[StreamEntry]:
        return []

    def reclaim(self, consumer: str, count: int, idle_seconds: float) -> list[StreamEntry]:
        return []

    def hold(self, consumer: str, entries: Sequence[StreamEntry]) -> None: ...

    def commit(
        self,
        entries: Sequence[StreamEntry],
        dead: Mapping[str, str],
        keys: Sequence[str],
        decide: Callable[[dict[str, StreamWindow], str], StreamChange],
        ids: Sequence[str] = (),
    ) -> StreamChange:
        oldest = min((entry.id for entry in entries), key=lambda place: [int(n) for n in place.split("-")])
        read = {*keys, *(self.homes[name] for name in ids if name in self.homes)}
        change = decide({k: self.windows[k] for k in sorted(read) if k in self.windows}, oldest)
        self.windows |= change.windows
        self.homes = {n: key for n, key in (self.homes | change.homes).items() if n not in change.left}
        for period, names in change.gone.items():
            for name in names:
                self.rows.get(period, {}).pop(name, None)
        self.dead |= {f"window {key}": reason for key, reason in change.broken.items()}
        for period, rows in change.rows.items():
            self.rows.setdefault(period, {}).update(rows)
        self.dead |= dead
        return change

    def pushed(self, period: str) -> list[str]:
        return list(self.rows.get(period, {}).values())

    def put_aside(self, period: str, rows: Mapping[str, str]) -> int:
        there = self.rows.get(period, {})
        gone = [name for name, text in there.items() if text in rows]
        self.dead |= {f"row {name}": rows[there.pop(name)] for name in gone}
        return len(gone)

    def forget(self, before: str) -> None: ...

    def newest(self) -> None:
        return None

    def dead_letters(self) -> list[DeadLetter]:
        return [DeadLetter(id=i, reason=r, text="") for i, r in self.dead.items()]

    def replay(self) -> int:
        return len(self.dead)

    def drop_dead(self) -> int:
        return len(self.dead)


class PushedRows:
    """A feature store that only takes pushes; ``fails`` of them first."""

    def __init__(self) -> None:
        self.frames: list[pd.DataFrame] = []
        self.fails = 0

    def push(self, view: str, rows: pd.DataFrame) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("the online store is away")
        self.frames.append(rows)
