"""The manifests of a use case's snapshots, and what was said and done about each.

``<period>.json`` is the current snapshot of a period, ``named/<name>.json`` one snapshot for good,
``log/<period>.jsonl`` which became current when, by whom and why, ``pins/<name>.json`` who keeps it from
expiring, ``expired/<name>.json`` when and why it went. Each is replaced in one step.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from include.contracts.atomic_file import write_atomically
from include.contracts.record import Record
from include.contracts.tables import SnapshotRef


class Turn(Record):
    """A snapshot became current, was pinned or expired: at (UTC, ISO 8601), by whom, why."""

    name: str
    at: str
    by: str
    why: str

    @classmethod
    def of(cls, name: str, at: datetime, by: str, why: str) -> Self:
        return cls(name=name, at=at.astimezone(UTC).isoformat(timespec="seconds"), by=by, why=why)

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)


class Expiry(Turn):
    """The end of a snapshot; its manifest is kept for the record."""

    period: str
    snapshot: SnapshotRef


@contextmanager
def publishing(snapshots: Path) -> Iterator[None]:
    """Held from a publication's first commit to its manifest: in between nothing names what was committed."""
    with _locked(snapshots / ".publishing", fcntl.LOCK_SH):
        yield


@contextmanager
def nobody_publishing(snapshots: Path) -> Iterator[None]:
    """No publication is under way, and none starts, while files are deleted."""
    with _locked(snapshots / ".publishing", fcntl.LOCK_EX), changing(snapshots):
        yield


@contextmanager
def changing(snapshots: Path) -> Iterator[None]:
    """One at a time reads the manifests and changes them."""
    with _locked(snapshots / ".changing", fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(file: Path, how: int) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        fcntl.flock(lock, how)
        yield


def named_file(name: str, snapshots: Path) -> Path:
    return snapshots / "named" / f"{name}.json"


def all_named(snapshots: Path) -> list[SnapshotRef]:
    """Every snapshot that has not expired, by period and name."""
    files = sorted((snapshots / "named").glob("*.json"))
    return [SnapshotRef.model_validate_json(file.read_text()) for file in files]


def make_current(snapshot: SnapshotRef, snapshots: Path, turn: Turn) -> None:
    """Note the turn, then replace the pointer; a repetition notes nothing."""
    pointer, log = snapshots / f"{snapshot.period}.json", _log(snapshot.period, snapshots)
    text = snapshot.model_dump_json(indent=1)
    if pointer.is_file() and pointer.read_text() == text:
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as lines:  # before the pointer: a kill in between leaves a turn too many, never one too few
        lines.write(turn.model_dump_json() + "\n")
    write_atomically(pointer, text)


def turns(period: str, snapshots: Path) -> list[Turn]:
    """Which snapshot of the period became current when, oldest first."""
    log = _log(period, snapshots)
    lines = log.read_text().splitlines() if log.is_file() else []
    return [Turn.model_validate_json(line) for line in lines]


def _log(period: str, snapshots: Path) -> Path:
    return snapshots / "log" / f"{period}.jsonl"


def pinned(name: str, snapshots: Path) -> Turn | None:
    file = pin_file(name, snapshots)
    return Turn.model_validate_json(file.read_text()) if file.is_file() else None


def pin_file(name: str, snapshots: Path) -> Path:
    return snapshots / "pins" / f"{name}.json"


def expiry(name: str, snapshots: Path) -> Expiry | None:
    file = snapshots / "expired" / f"{name}.json"
    return Expiry.model_validate_json(file.read_text()) if file.is_file() else None


def all_expired(snapshots: Path) -> list[Expiry]:
    files = sorted((snapshots / "expired").glob("*.json"))
    return [Expiry.model_validate_json(file.read_text()) for file in files]


def expire(gone: Expiry, snapshots: Path) -> None:
    """The record first: a kill in between leaves a snapshot that expires again."""
    write_atomically(snapshots / "expired" / f"{gone.name}.json", gone.model_dump_json(indent=1))
    named_file(gone.name, snapshots).unlink(missing_ok=True)
