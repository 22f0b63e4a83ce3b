"""Who works on what: locks on one byte each of one file, which the kernel takes back when their process ends.

Only the process that took a lock has it, not its forks: so the lock of a task that runs is its supervisor's.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

FLOCK = "hhqqi4x"
"""``struct flock`` of Linux on 64 bits: type, whence, start, length, pid."""
TASKS = 1 << 62
"""The bytes from here on are tasks', by the random part of their id; below it those of schedulers, by their job."""


class Claims:
    """The locks of one file. A process opens it once: closing any descriptor of it would end all of its locks."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def hold(self, claimed: int | UUID) -> None:
        """Until this process ends, or releases it; waits for a process that has it."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _byte(claimed))

    def release(self, claimed: int | UUID) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _byte(claimed))

    @contextmanager
    def held(self, claimed: int | UUID) -> Iterator[None]:
        self.hold(claimed)
        try:
            yield
        finally:
            self.release(claimed)

    def holder(self, claimed: int | UUID) -> int | None:
        """The process that has it, unless that is this one; None for nobody."""
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _byte(claimed), 1, 0)
        kind, *_, pid = struct.unpack(FLOCK, fcntl.fcntl(self._file, fcntl.F_GETLK, asked))
        return None if kind == fcntl.F_UNLCK else pid


def _byte(claimed: int | UUID) -> int:
    return TASKS | claimed.int & (TASKS - 1) if isinstance(claimed, UUID) else claimed
