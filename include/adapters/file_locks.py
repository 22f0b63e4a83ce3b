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
        self, name: str, *, shared: bool = False, wait: float | None = None, lease: float = 60.0, refusal: str = ""
    ) -> Iterator[None]:
        """As the port says; no ``lease`` is needed, because a lock ends with its process."""
        place = self.root / name
        file = place.with_name(f".{place.name}.lock")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as lock:
            if not _acquired(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait):
                raise LockHeldError(refusal or f"{name} is locked by another process; try again later")
            yield


def _acquired(lock: IO[str], how: int, wait: float | None) -> bool:
    if wait is None:
        fcntl.flock(lock, how)
        return True
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_SECONDS)
        else:
            return True
