"""How long a start may take: as long as the process shows progress, or the machine is busy with something else."""

import os
import time
from collections.abc import Callable

LONGEST = 900.0
"""Seconds after which a process that works is not waited for any more."""
LOOK_SECONDS = 2.0
WORKS = 0.02
"""Share of one core that a process uses at least when it makes progress."""
REPORT_SECONDS = 30.0

Sign = tuple[int, float]
"""Bytes of the log, and seconds of CPU."""


class Patience:
    """With one process that starts, or an effect that is awaited; ``silence`` seconds without progress are too many."""

    def __init__(self, silence: float, sign: Callable[[], Sign] = lambda: (0, 0.0)) -> None:
        self.silence, self._sign = silence, sign
        self.begun = self._moved = self._looked = self._reported = time.monotonic()
        self._seen: Sign = (0, 0.0)

    def fault(self) -> str:
        """Why waiting is over; '' while it is worth it."""
        now = time.monotonic()
        if now - self._looked >= min(LOOK_SECONDS, self.silence / 4):
            self._look(now)
        if now - self._moved > self.silence:
            return f"not ready after {now - self.begun:.0f} s, and without progress for {self.silence:.0f} s"
        return f"works, but is not ready after {LONGEST:.0f} s" if now - self.begun > LONGEST else ""

    def _look(self, now: float) -> None:
        size, cpu = self._sign()
        works = cpu - self._seen[1] >= WORKS * (now - self._looked)
        if size != self._seen[0] or works or machine_is_busy():
            self._moved = now
        self._seen, self._looked = (size, cpu), now

    def report(self) -> str:
        """Every half minute, what a person who waits wants to know; '' in between."""
        now = time.monotonic()
        if now - self._reported < REPORT_SECONDS:
            return ""
        self._reported = now
        busy = "; the machine is busy with other work" if machine_is_busy() else ""
        return f"still starting after {now - self.begun:.0f} s, {self._seen[1]:.0f} s of CPU used{busy}"


def machine_is_busy() -> bool:
    """More processes want to run than twice the cores."""
    return os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
