"""Peak memory of a process that a bench starts."""

from pathlib import Path


def peak_gb() -> float:
    """Peak resident memory of this process; ``ru_maxrss`` begins with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024**2, 3)
