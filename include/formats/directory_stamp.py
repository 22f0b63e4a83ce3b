"""Whether files came into a directory, went, or were replaced: told by one look at it."""

import time
from pathlib import Path

YOUNG = 2_000_000_000
"""Nanoseconds: a file system's clock ticks far more often than every two seconds."""


def directory_stamp(directory: Path) -> str:
    """Another text after each change of its files; "" for one whose next change might have the same time."""
    try:
        changed = directory.stat().st_mtime_ns
    except FileNotFoundError:
        return "no directory"
    return str(changed) if abs(time.time_ns() - changed) > YOUNG else ""
