"""The background thread of a model: follows the rollout state and hands figures on, with or without traffic."""

import faulthandler
import os
import threading
import traceback
from pathlib import Path

from server_log import tell

SECONDS = 0.2
STUCK_SECONDS, LOADING_SECONDS = 15, 600
PARENT = 5  # the stub's command line: file, model, region, its size and growth, process id of the server


class Follower:
    """Calls ``step()`` every 0.2 s until ``stop``: no request ever waits on a release that loads.

    When the server was killed it ends the process: this stub would ignore SIGTERM and stay for ever. A call to a dead
    server never returns and may hold the interpreter's lock, so that no thread could notice; therefore a timer that
    needs no lock ends the process unless this thread comes round in time.
    """

    def __init__(self, step) -> None:
        self._step, self._server = step, _server()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    @staticmethod
    def expect_within(seconds: float) -> None:
        """End the process unless this is called again in so many seconds."""
        faulthandler.dump_traceback_later(seconds, exit=True)

    def _run(self) -> None:
        while not self._stopped.wait(SECONDS):
            self.expect_within(STUCK_SECONDS)
            if os.getppid() != self._server:
                os._exit(1)
            try:
                self._step()
            except Exception:  # a thread that ended would freeze the rollout and all figures
                tell(traceback.format_exc())

    def stop(self) -> None:
        """Ends the thread and takes the last step, so that no figure is lost when a model is unloaded.

        The timer stays: what is left of the process ends by itself, or in 15 s.
        """
        self._stopped.set()
        self._thread.join()
        self._step()
        self.expect_within(STUCK_SECONDS)


def _server() -> int:
    """Process id of the server; not that of the parent, who is another when the server was killed meanwhile."""
    return int(Path("/proc/self/cmdline").read_bytes().split(b"\0")[PARENT])
