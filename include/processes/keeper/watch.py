"""What the keeper does at the same time: one thread per subject, and a sign of life while all of them go on."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import psutil

from include.errors import MoebiusError

log = logging.getLogger("keeper")


class Watch:
    """Calls ``look`` every so many seconds; what it raises is logged, and the next round tries again.

    ``longest``: seconds that one round may take; a server that starts is waited for.
    """

    def __init__(self, name: str, look: Callable[[], None], every: float, longest: float = 60.0) -> None:
        self.name, self.look, self.every, self.longest = name, look, every, longest
        self._finished = time.monotonic()
        self._thread: threading.Thread | None = None

    def begin(self, stop: threading.Event) -> None:
        self._thread = threading.Thread(target=self._go_on, args=(stop,), name=self.name, daemon=True)
        self._thread.start()

    def stuck(self) -> bool:
        """Whether its round takes longer than it may, or ended with a fault of ours."""
        if self._thread and not self._thread.is_alive():
            return True
        return time.monotonic() - self._finished > self.every + self.longest

    def _go_on(self, stop: threading.Event) -> None:
        while not stop.wait(self.every):
            self.round()

    def round(self) -> None:
        """One look."""
        try:
            self.look()
        except (MoebiusError, OSError, psutil.Error) as error:
            log.error("%s: %s: %s", self.name, type(error).__name__, error)
        self._finished = time.monotonic()


def stuck(watches: Sequence[Watch]) -> list[str]:
    """Names of those whose round does not end."""
    return [watch.name for watch in watches if watch.stuck()]
