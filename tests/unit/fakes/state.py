"""Small state and locks in memory, for threads of one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from include.errors import ConflictError, LockHeldError
from include.ports.state import ABSENT, Versioned


class MemoryState:
    """Each change gives the next number as version."""

    def __init__(self) -> None:
        self._values: dict[str, Versioned] = {}
        self._changes, self._lock = 0, Lock()

    def copy_of(self, other: "MemoryState") -> None:
        """Hold what the other one holds now."""
        self._values, self._changes = dict(other._values), other._changes

    def __str__(self) -> str:
        return "memory"

    def get(self, key: str) -> Versioned | None:
        return self._values.get(key)

    def put(self, key: str, text: str, expected: str | None = None, *, private: bool = False) -> str:
        with self._lock:
            version = self._values[key].version if key in self._values else ABSENT
            if expected not in (None, version):
                raise ConflictError(f"{key} is at version {version or 'none'}, not {expected or 'none'}")
            self._changes += 1
            self._values[key] = Versioned(text, str(self._changes))
            return self._values[key].version

    def delete(self, key: str) -> None:
        with self._lock:
            self._values.pop(key, None)

    def stamp(self, key: str) -> str:
        return self._values[key].version if key in self._values else ABSENT

    def stamps(self, room: str) -> dict[str, str]:
        return {key: self.stamp(key) for key in self.keys(room) if "/" not in key.removeprefix(f"{room}/")}

    def room_stamp(self, room: str) -> str:
        return repr(self.stamps(room))

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self._values if key.startswith(f"{prefix}/"))


class MemoryLocks:
    """Counts who holds each name: -1 is one exclusive holder."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._changed = Condition()

    @contextmanager
    def hold(
        self, name: str, *, shared: bool = False, wait: float | None = None, lease: float = 60.0, refusal: str = ""
    ) -> Iterator[None]:
        def free() -> bool:
            held = self._held.get(name, 0)
            return held >= 0 if shared else held == 0

        with self._changed:
            if not self._changed.wait_for(free, wait):
                raise LockHeldError(refusal or f"{name} is locked by another process; try again later")
            self._held[name] = self._held.get(name, 0) + (1 if shared else -1)
        try:
            yield
        finally:
            with self._changed:
                self._held[name] += -1 if shared else 1
                self._changed.notify_all()
