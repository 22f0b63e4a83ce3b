"""Waits for a process that was started for as long as it works, however busy the machine is."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests import living

IDLE_SECONDS, CPU_SECONDS = 60.0, 300.0
"""How long it may do nothing, and how much it may compute, before it is given up."""
AT_REST = 0.02
"""Cores that a program needs which only waits."""


class Started:
    """A process with all that it started; one that waits for its turn on a busy machine is not idle."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", log: Path, idle: float = IDLE_SECONDS, cpu: float = CPU_SECONDS
    ) -> None:
        self.process, self.log, self.idle, self.cpu = process, log, idle, cpu
        self._used, self._since = 0.0, time.monotonic()

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until it is ready; AssertionError with the end of its log when it ended, idles or computes for ever."""
        while not ready():
            assert self.process.poll() is None, f"{what}: it ended: {self._log()}"
            used, waits = self._look()
            if waits or used - self._used > AT_REST * (time.monotonic() - self._since) + AT_REST:
                self._used, self._since = used, time.monotonic()
            assert time.monotonic() - self._since < self.idle, f"{what}: it does nothing: {self._log()}"
            assert used < self.cpu, f"{what}: it took {used:.0f} s of CPU: {self._log()}"
            time.sleep(0.1)

    def _look(self) -> tuple[float, bool]:
        """CPU seconds so far, and whether one of them waits for a core or a disk."""
        used, waits = 0.0, False
        for one in _family(self.process.pid):
            try:
                times, state = one.cpu_times(), one.status()
            except psutil.NoSuchProcess:
                continue
            used += times.user + times.system + times.children_user + times.children_system
            waits = waits or state in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
        return used, waits

    def _log(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.is_file() else "no log"


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return []
    return [process, *living.below(process)]
