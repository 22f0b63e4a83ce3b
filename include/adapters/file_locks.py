"""Locks as files on one disk: the system releases a lock when its process ends, also after a kill."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from include.errors import LockHeldError

LOOK_SECONDS = 0.02


class FileLocks:
    """``a/b`` is the lock of the file ``<root>/a/.b.lock``, which stays."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def hold(
        self, name: str, *, shared: bool = False, wait: float | None = None, lease: float = 60.0
    ) -> Iterator[None]:
        """As the port says; no ``lease`` is needed, because a lock ends with its process."""
        place = self.root / name
        file = place.with_name(f".{place.name}.lock")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as lock:
            _acquire(lock, name, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait)
            yield


def _acquire(lock: IO[str], name: str, how: int, wait: float | None) -> None:
    if wait is None:
        fcntl.flock(lock, how)
        return
    until = time.monotonic() + wait
    while not _taken(lock, how):
        if time.monotonic() >= until:
            raise LockHeldError(f"{name} is locked by another process; try again later")
        time.sleep(LOOK_SECONDS)


def _taken(lock: IO[str], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
