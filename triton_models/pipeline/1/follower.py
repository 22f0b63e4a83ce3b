"""The background thread of a model: follows the rollout state and hands figures on, with or without traffic."""

import faulthandler
import os
import threading
import traceback
from contextlib import contextmanager

SECONDS = 0.2
STUCK_SECONDS = 15


class Follower:
    """Calls ``step()`` every 0.2 s until ``stop``: no request ever waits on a release that loads.

    When the server was killed it ends the process: this stub would ignore SIGTERM and stay for ever.
    """

    @staticmethod
    @contextmanager
    def to_server():
        """Around calls that the server answers: one to a dead server never returns and holds the interpreter's lock,
        so that no thread could notice. After 15 s the process ends by a timer that needs no lock."""
        faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    def __init__(self, step) -> None:
        self._step, self._server = step, os.getppid()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(SECONDS):
            if os.getppid() != self._server:
                os._exit(1)
            try:
                self._step()
            except Exception:  # a thread that ended would freeze the rollout and all figures
                traceback.print_exc()

    def stop(self) -> None:
        """Ends the thread and takes the last step, so that no figure is lost when a model is unloaded."""
        self._stopped.set()
        self._thread.join()
        self._step()
