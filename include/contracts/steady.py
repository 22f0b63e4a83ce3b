"""Time that no step of the wall clock moves: seconds since the machine started, told by its kernel.

Processes of one start of the machine compare these seconds, whatever their wall clocks say. Across a restart of the
machine, and between machines, there is only the wall clock, and it may be wrong: a distance there is never negative, so
a moment that seems to be in the future ends a wait instead of prolonging it.
"""

import time
from pathlib import Path

from include.contracts.record import Record

UPTIME, BOOT = Path("/proc/uptime"), Path("/proc/sys/kernel/random/boot_id")


class Tick(Record):
    """A moment. ``boot`` names the start of the machine, ``uptime`` is seconds since it, ``at`` epoch seconds."""

    boot: str
    uptime: float
    at: float


def boot() -> str:
    """Identifies this start of the machine."""
    return BOOT.read_text().strip()


def now() -> Tick:
    """This moment, as the kernel says it: no wall clock takes part in ``boot`` and ``uptime``."""
    return Tick(boot=boot(), uptime=float(UPTIME.read_text().split()[0]), at=time.time())


def unknown(at: float) -> Tick:
    """A moment of which only the wall clock's word (epoch seconds) is known."""
    return Tick(boot="", uptime=0.0, at=at)


def elapsed(since: Tick, until: Tick | None = None) -> float:
    """Seconds from one moment to another, to now by default; never below 0."""
    until = until or now()
    if since.boot == until.boot and since.uptime <= until.uptime:
        return until.uptime - since.uptime
    return abs(until.at - since.at)
