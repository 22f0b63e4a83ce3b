"""How much a day's file has: counted as the file grows, and remembered."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from include.errors import DamagedStateError


class Batched(NamedTuple):
    """When a batch was written, of which use case, and how many predictions it has."""

    at: datetime
    usecase: str
    rows: int


class Tally(NamedTuple):
    """``events``: (UTC day, kind) → how many there are; ``forgotten``: entries of which only the hashes are left."""

    events: Counter[tuple[str, str]]
    batches: list[Batched]
    forgotten: int = 0


class _Counted(NamedTuple):
    """What was counted of a file, up to where; a file that was put in its place has another number."""

    file: int
    end: int
    found: Tally


_known: dict[Path, _Counted] = {}
_lock = Lock()


def tally(path: Path) -> Tally:
    """What a file has. Only what was written since the last call is read.

    Raises DamagedStateError for a line that is no entry of the log.
    """
    with _lock, path.open("rb") as lines:
        number, size = path.stat().st_ino, path.stat().st_size
        known = _known.get(path)
        if known is None or known.file != number or known.end > size:
            known = _Counted(number, 0, Tally(Counter(), []))
        lines.seek(known.end)
        events, batches, forgotten = known.found.events.copy(), [*known.found.batches], known.found.forgotten
        end = known.end
        for line in lines:
            if line.endswith(b"\n"):
                day_and_kind, batch = _of(line, path)
                events.update(day_and_kind)
                batches += batch
                forgotten += not day_and_kind and not batch
                end += len(line)
        found = Tally(events, batches, forgotten)
        _known[path] = _Counted(number, end, found)
        return found


def _of(line: bytes, path: Path) -> tuple[list[tuple[str, str]], list[Batched]]:
    try:
        entry = json.loads(line)
        if event := entry.get("event"):
            return [(event["at"].partition("T")[0], event["kind"])], []
        if batch := entry.get("batch"):
            return [], [Batched(datetime.fromisoformat(entry["at"]), batch["usecase"], batch["size"])]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedStateError(
            f"{path} has a line that is no entry of the audit log: `moebius audit verify` names it; restore the file "
            "from a backup"
        ) from None
    return [], []
