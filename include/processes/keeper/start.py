"""A model server that starts: how long its first answer is waited for."""

import time
from collections.abc import Callable, Collection

from include.platform.patience import WORKS, Patience, Sign

LOST_SECONDS = 5.0
"""Without a sign of progress, while a model has no process: the server waits for ever for one that ended."""


class Start:
    """``patience`` bears a machine that is busy; ``sign`` is what grows as long as the server works."""

    def __init__(self, patience: Patience, sign: Callable[[], Sign]) -> None:
        self._patience, self._sign = patience, sign
        self._moved, self._seen = time.monotonic(), sign()

    def fault(self, without_process: Collection[str]) -> str:
        """Why waiting is over; '' while it is worth it. ``without_process``: models that have none now."""
        now, (size, cpu) = time.monotonic(), self._sign()
        works = cpu - self._seen[1] >= WORKS * (now - self._moved)
        if size != self._seen[0] or works or not without_process:
            self._moved, self._seen = now, (size, cpu)
        if now - self._moved > LOST_SECONDS:
            return (
                f"it does nothing, and {', '.join(sorted(without_process))} has no process: one ended while it loaded"
            )
        return self._patience.fault()
