"""Keeps log files and the events small: a log is copied and emptied, since the processes that write it keep it open.

Every process appends (``O_APPEND``), so the next line stands at the beginning of the emptied file.
"""

import json
import logging
import os
import shutil
from pathlib import Path

from include.contracts.platform import ProcessEvent, older_events_file, read_lines
from include.formats.atomic_file import write_atomically
from include.platform.supervisor import Supervisor
from include.processes.keeper.watch import Watch
from include.settings import Settings

log = logging.getLogger("keeper")
EVERY_SECONDS = 30.0
LOG_BYTES = 16 * 1024 * 1024
COPIES = 3
EVENT_BYTES = 256 * 1024


def rotate(file: Path, limit: int = LOG_BYTES, copies: int = COPIES) -> bool:
    """Copy a log that is larger than the limit to ``<name>.1`` and empty it; older copies move on, the oldest goes.

    On a full disk no copy is kept: the log is emptied, which gives space back.
    """
    if not file.is_file() or file.stat().st_size <= limit:
        return False
    named = [file.with_name(f"{file.name}.{number}") for number in range(1, copies + 1)]
    for older, newer in zip(reversed(named[1:]), reversed(named[:-1]), strict=True):
        if newer.exists():
            newer.replace(older)
    try:
        with file.open("rb") as log_file, open(named[0], "wb", opener=_private) as copy:
            shutil.copyfileobj(log_file, copy)
    except OSError as error:
        log.error("no copy of %s is kept: %s", file.name, error)
        named[0].unlink(missing_ok=True)
    os.truncate(file, 0)
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def sum_up(events: Path, limit: int = EVENT_BYTES) -> bool:
    """Move the events to the older ones, of which only the last of each service and kind stays, with their number."""
    if not events.is_file() or events.stat().st_size <= limit:
        return False
    older, turned = older_events_file(events), events.with_suffix(".turned")
    events.replace(turned)  # what is appended from now on goes to a new file
    summed: dict[tuple[str, str], ProcessEvent] = {}
    for event in [*read_lines(older), *read_lines(turned)]:
        before = summed.pop((event.service, event.what), None)
        times = event.times + (before.times if before else 0)
        summed[event.service, event.what] = event.model_copy(update={"times": times})
    write_atomically(older, "".join(f"{json.dumps(one.json_dict())}\n" for one in summed.values()), private=True)
    turned.unlink()
    return True


def watch(settings: Settings) -> Watch:
    supervisor = Supervisor(settings.home / "platform", settings.host)

    def look() -> None:
        sum_up(supervisor.events)
        for file in (supervisor.directory / "log").glob("*.log"):
            if rotate(file):
                log.info("%s was larger than %d MiB, and is emptied", file.name, LOG_BYTES // 1024**2)

    return Watch("logs", look, EVERY_SECONDS)
