"""The cost of a piece of work in this process: wall time, CPU time and the peak of its memory."""

import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from include.contracts.record import Record

KILOBYTE, MEGABYTE = 1 << 10, 1 << 20
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
_earlier_peaks = [0]
"""Bytes of the peaks that were reset in this process."""


class Cost(Record):
    """Seconds on the clock, seconds of all threads on the CPU, and the largest resident memory (10⁶ ≈ 2²⁰ bytes)."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


class Meter:
    """Costs by stage; stages follow each other, they do not nest."""

    def __init__(self) -> None:
        self.stages: dict[str, Cost] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done inside as ``name``, also when it fails."""
        _reset_peak()
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            spent = (time.perf_counter() - wall, time.process_time() - cpu)
            self.stages[name] = Cost(seconds=spent[0], cpu_seconds=spent[1], peak_mb=_peak_bytes() / MEGABYTE)


def total(stages: Mapping[str, Cost]) -> Cost:
    """Times add up, of the memory the largest peak counts."""
    costs = list(stages.values())
    return Cost(
        seconds=sum(c.seconds for c in costs),
        cpu_seconds=sum(c.cpu_seconds for c in costs),
        peak_mb=max((c.peak_mb for c in costs), default=0.0),
    )


def figures(stages: Mapping[str, Cost]) -> dict[str, float]:
    """``<stage>_seconds``, ``<stage>_cpu_seconds`` and ``<stage>_peak_mb`` of each stage and of ``training``, all."""
    named = {**stages, "training": total(stages)}
    return {f"{stage}_{what}": value for stage, cost in named.items() for what, value in cost.json_dict().items()}


def process_peak_bytes() -> int:
    """The largest resident memory of this process since it began, whatever was measured in it."""
    return max(*_earlier_peaks, _peak_bytes())


def process_cpu_seconds() -> float:
    """Seconds on the CPU of this process, all its threads, and the processes that it started and that have ended."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _reset_peak() -> None:
    """See proc(5), clear_refs; where the kernel refuses, the peak is that of the whole process."""
    _earlier_peaks[0] = process_peak_bytes()
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return


def _peak_bytes() -> int:
    for line in STATUS.read_text().splitlines() if STATUS.is_file() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * KILOBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE
