"""Notices within milliseconds that a process ended or was stopped, without asking it."""

import os
import select
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

import psutil

TICK_SECONDS = 0.05
STOPPED = "T"
FILE, NAME = 1, 8
"""Places in the command line of a process that Triton's Python backend started."""


def alert(pids: Collection[int], seconds: float) -> set[int]:
    """Those that ended or were stopped; waits until there is one, at most so long."""
    with ExitStack() as opened:
        poll, known, gone = select.poll(), dict[int, int](), set[int]()
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except OSError:
                gone.add(pid)
                continue
            opened.callback(os.close, descriptor)
            poll.register(descriptor, select.POLLIN)
            known[descriptor] = pid
        ticks = max(round(seconds / TICK_SECONDS), 1)
        for _ in range(0 if gone else ticks):
            ended = {known[descriptor] for descriptor, _ in poll.poll(TICK_SECONDS * 1000)}
            if gone := ended | {pid for pid in known.values() if is_stopped(pid)}:
                break
    return gone


def is_stopped(pid: int) -> bool:
    """Whether it was stopped by a signal: it answers nothing until somebody lets it go on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == STOPPED
    except (OSError, IndexError):
        return False


def stubs(server: psutil.Process) -> dict[int, tuple[str, str]]:
    """The living Python processes below a Triton server: pid → model and the name of the process."""
    found = {}
    for child in _children(server):
        try:
            command = child.cmdline()
        except psutil.Error:  # it ends just now
            continue
        if len(command) > NAME and command[FILE].endswith("/1/model.py"):
            found[child.pid] = (Path(command[FILE]).parent.parent.name, command[NAME])
    return found


def _children(server: psutil.Process) -> list[psutil.Process]:
    try:
        return server.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end(pid: int) -> None:
    """SIGKILL, unless it ended by itself."""
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return


class Leftovers:
    """Processes of before that stay beside the new ones of the same name: the server waits for ever for the answer of
    a dead process, and so keeps those that lived beside it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since: dict[int, float] = {}

    def overdue(self, stubs: Mapping[int, tuple[str, str]]) -> list[int]:
        """Those that have stayed for so many seconds."""
        newest: dict[tuple[str, str], int] = {}
        for pid in sorted(stubs, key=_created):
            newest[stubs[pid]] = pid
        now, old = time.monotonic(), set(stubs) - set(newest.values())
        self._since = {pid: self._since.get(pid, now) for pid in old}
        return sorted(pid for pid, since in self._since.items() if now - since >= self.seconds)


def _created(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return 0.0
