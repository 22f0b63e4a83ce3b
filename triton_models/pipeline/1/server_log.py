"""Words for the server's log. Nothing waits for them and nothing fails with them: the disk of the log may be full."""

import os
import threading
from collections import deque

KEPT = 200
"""Lines that wait for the log at most; when more come, the oldest go."""
RETRY_SECONDS = 1.0
STDERR = 2


class ServerLog:
    """Takes lines at once; a thread of its own writes them, and tries again what the disk did not take."""

    def __init__(self, descriptor: int = STDERR) -> None:
        self._descriptor = descriptor
        self._waiting: deque = deque(maxlen=KEPT)
        self._come = threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, words: str) -> None:
        self._waiting.append(f"moebius: {words}\n".encode(errors="backslashreplace"))
        self._come.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="server-log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while self._come.wait():
            self._come.clear()
            if not self.write_waiting():
                threading.Event().wait(RETRY_SECONDS)
                self._come.set()

    def write_waiting(self) -> bool:
        """Write what waits; False when something is left. A line that was cut is written again, whole."""
        while self._waiting:
            line = self._waiting[0]
            try:
                whole = os.write(self._descriptor, line) == len(line)
            except OSError:  # there is no other place to tell it
                whole = False
            if not whole:
                return False
            if self._waiting and self._waiting[0] is line:  # it may have made room for a newer one meanwhile
                self._waiting.popleft()
        return True


tell = ServerLog().tell
