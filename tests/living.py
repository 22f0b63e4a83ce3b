"""Processes that may end while a test looks at them: each of these answers also then."""

from pathlib import Path

import psutil

from include.platform.processes import alive
from include.state_root import runs


def command_line(process: psutil.Process) -> list[str]:
    """Empty of one that has ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def environment(process: psutil.Process) -> dict[str, str]:
    """Empty of one that has ended."""
    try:
        return process.environ()
    except psutil.NoSuchProcess:
        return {}


def below(leader: psutil.Process | None) -> list[psutil.Process]:
    """Everything that it started; nothing when it has ended or there is none."""
    try:
        return leader.children(recursive=True) if leader else []
    except psutil.NoSuchProcess:
        return []


def that_run(file: Path, leader: psutil.Process | None) -> list[psutil.Process]:
    """The living ones below a model server that run the file of a model."""
    return [one for one in below(leader) if alive(one) and runs(file, one.pid, command_line(one))]
