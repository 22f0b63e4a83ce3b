"""What happened to the processes of the platform: one line of JSON per event, appended by whoever saw it.

The holders, which know only the standard library, write the same lines (``include/platform/holder.py``).
"""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from include.contracts.record import Moment, Record

What = Literal["started", "died", "hung", "stopped", "failed", "gave_up"]
"""``started`` by the supervision, after a death or a hang; ``died`` by itself or killed; ``hung``: it answered nothing
and was killed for it; ``stopped`` by a person; ``failed``: it could not be started again this time; ``gave_up``: it
died or failed so often that the next start waits longer."""
GIVEN_UP = frozenset({"gave_up", "failed"})
"""Nobody starts it before the next try, which may be a minute later."""
DEATHS = frozenset({"died", "hung"})
"""A process that hung is killed: that is its death, and no ``died`` follows."""


class ProcessEvent(Record):
    """``times``: how many events like this one the line stands for; old ones are summed up, counts stay."""

    service: str
    at: Moment
    what: What
    reason: str = ""
    times: int = Field(1, ge=1)

    @property
    def is_death(self) -> bool:
        return self.what in DEATHS


class ProcessFigures(Record):
    """One service in figures: whether it runs, how often it died or hung so far, whether nobody starts it for now."""

    service: str
    up: bool
    died: int = 0
    hung: int = 0
    given_up: bool = False
    cpu_seconds: float | None = None
    """Seconds on the CPU since it started, with what it started; None where nobody can tell."""


def figures(service: str, up: bool, events: Iterable[ProcessEvent], cpu_seconds: float | None = None) -> ProcessFigures:
    """Of this service, by its events, oldest first."""
    own = [event for event in events if event.service == service]
    counts = {what: sum(event.times for event in own if event.what == what) for what in ("died", "hung")}
    return ProcessFigures(
        service=service, up=up, given_up=bool(own) and own[-1].what in GIVEN_UP, cpu_seconds=cpu_seconds, **counts
    )


def events_file(home: Path) -> Path:
    """Where the events of this state root stand."""
    return home / "platform" / "events.jsonl"


def append_event(file: Path, service: str, what: What, reason: str = "") -> bool:
    """One write at the end of the file. False when it could not be written: healing never waits for a full disk.

    The line starts with its line feed: one that was cut off before costs nobody else.
    """
    event = ProcessEvent(service=service, at=datetime.now(UTC), what=what, reason=reason)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        return False
    try:
        line = b"\n" + json.dumps(event.json_dict()).encode()
        return os.write(descriptor, line) == len(line)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def read_events(file: Path) -> list[ProcessEvent]:
    """All events, oldest first, those that were summed up too; lines that a full disk cut off are left out."""
    return [*read_lines(older_events_file(file)), *read_lines(file)]


def older_events_file(file: Path) -> Path:
    """The events that were summed up: the last of each service and kind, with their number."""
    return file.with_suffix(".older.jsonl")


def read_lines(file: Path) -> list[ProcessEvent]:
    """The events of one file."""
    try:
        text = file.read_text(errors="replace")
    except FileNotFoundError:
        return []
    return [event for line in text.splitlines() for event in _parsed(line)]


def deaths(events: Iterable[ProcessEvent]) -> dict[str, int]:
    """Service → how often it died or hung."""
    counts: dict[str, int] = {}
    for event in events:
        if event.is_death:
            counts[event.service] = counts.get(event.service, 0) + event.times
    return counts


def _parsed(line: str) -> list[ProcessEvent]:
    try:
        return [ProcessEvent.model_validate_json(line)]
    except ValidationError:
        return []
