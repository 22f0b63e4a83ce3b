"""A line of a log that the disk does not take is left out: it must not end the process that wrote it.

Airflow's workers and supervisors write logs through structlog and die of its OSError. A worker that dies so reports
nothing, and its task stays "running" for ever. Python's own ``logging`` leaves such a line out too.
"""

import errno
import functools
from collections.abc import Callable
from typing import Any

import structlog

from include.formats.disk_space import FULL

NOT_TAKEN = FULL | {errno.EROFS, errno.EIO}
"""A full disk, one that became read-only, one that is broken."""
LOGGERS = (structlog.BytesLogger, structlog.WriteLogger)
Write = Callable[[Any, Any], None]


def leave_out() -> None:
    """For every logger of structlog that writes to a file, in this process and those that it forks."""
    for kind in LOGGERS:
        original = kind.msg
        if not hasattr(original, "__wrapped__"):
            for name in [name for name, method in vars(kind).items() if method is original]:  # info, error, … too
                setattr(kind, name, _tolerant(original))


def _tolerant(original: Write) -> Write:
    @functools.wraps(original)
    def write(logger: Any, message: Any) -> None:
        try:
            original(logger, message)
        except OSError as error:
            if error.errno not in NOT_TAKEN:
                raise

    return write
