"""The background thread of a model: follows the rollout state and hands figures on, with or without traffic."""

import os
import threading
import traceback

SECONDS = 0.2


class Follower:
    """Calls ``step()`` every 0.2 s until ``stop``: no request ever waits on a release that loads.

    When the server was killed it ends the process: this stub would ignore SIGTERM and stay for ever.
    """

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
