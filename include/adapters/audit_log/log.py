"""The audit log in files: a Merkle tree for each day (fulfils ports.audit.AuditLog)."""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from include.adapters.audit_log import sealing
from include.adapters.audit_log.checkpoints import CheckpointFiles
from include.adapters.audit_log.day_files import DayFiles
from include.adapters.audit_log.subject_keys import SqliteSubjectKeys
from include.adapters.audit_log.tallies import Tally, tally
from include.contracts.audit import ERASED, AuditEntry, AuditEvent, PredictionBatch, SignedCheckpoint
from include.errors import DamagedStateError, NotFoundError, ServiceError
from include.formats import merkle, state_file
from include.ports.signatures import Signatures
from include.ports.state import Locks

LOCK = "audit"
BATCH = b'"batch":{'
"""Stands in the line of a batch."""
KeyOf = Callable[[str], bytes | None]
Pseudonym = Callable[[str, str], str]
"""Use case and value of a person → the value that a key is kept under: the pseudonym, where there are keys for one."""


class FileAuditLog:
    """``directory`` holds the files of the days (see ``day_files``) and the checkpoints.

    A day is that of the writing, but never comes before the newest one, whatever the clock says; entries are numbered
    within their day.
    ``outside`` is where checkpoints are copied to.
    """

    def __init__(self, directory: Path, locks: Locks, keys: SqliteSubjectKeys, signatures: Signatures, outside: Path,
                 pseudonym: Pseudonym = lambda usecase, value: value) -> None:  # fmt: skip
        self._directory, self._locks, self._keys, self._pseudonym = directory, locks, keys, pseudonym
        self._files, self._signatures = DayFiles(directory), signatures
        self._signed = CheckpointFiles(directory, outside)

    def append(self, events: Sequence[AuditEvent]) -> None:
        if events:
            self._append([{"event": self._sealed(event)} for event in events])

    def append_batch(self, batch: PredictionBatch, leaves: bytes) -> None:
        if len(leaves) != batch.size * merkle.SIZE:
            raise ValueError(f"a batch of {batch.size} has as many leaf hashes, not {len(leaves) / merkle.SIZE}")
        self._append([{"batch": batch.json_dict()}], leaves)

    def read(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditEvent]:
        found = (entry.event for entry in self.entries(since, until) if entry.event)
        within = [e for e in found if (since is None or e.at >= since) and (until is None or e.at < until)]
        yield from sorted(within, key=lambda event: event.at)

    def entries(
        self, since: datetime | None = None, until: datetime | None = None, having: Mapping[str, str] | None = None
    ) -> Iterator[AuditEntry]:
        marks = [_line({name: value})[1:-1] for name, value in (having or {}).items()]
        bounds, key_of = self._signed.bounds(), cache(self._keys.by_id)
        for day in self._files.days():
            first, last = bounds.get((day, self._files.size(day)), (None, None))
            if (until and first and first >= until) or (since and last and last < since):
                continue
            place = self._directory / f"{day}.jsonl"
            for line in self._files.lines(day):
                if BATCH in line or all(mark in line for mark in marks):
                    yield self._opened(day, line, place, key_of)

    def newest(self, since: date) -> Iterator[AuditEntry]:
        key_of = cache(self._keys.by_id)
        for day in reversed(self._days(since)):
            place = self._directory / f"{day}.jsonl"
            yield from (self._opened(day, line, place, key_of) for line in reversed([*self._files.lines(day)]))

    def tally(self, since: date) -> dict[tuple[str, str], int]:
        counts = Counter[tuple[str, str]]()
        for found in self._tallies(since):
            counts.update(found.events)
            counts.update((f"{batch.at:%Y-%m-%d}", "use") for batch in found.batches)
        return {key: count for key, count in sorted(counts.items()) if key[0] >= since.isoformat()}

    def forgotten(self, since: date) -> int:
        return sum(found.forgotten for found in self._tallies(since))

    def answers_after(self, usecase: str, at: datetime) -> int:
        batches = [batch for found in self._tallies(at.date()) for batch in found.batches]
        return sum(batch.rows for batch in batches if batch.usecase == usecase and batch.at > at)

    def size(self) -> int:
        return sum(map(self._files.size, self._files.days()))

    def _tallies(self, since: date) -> Iterator[Tally]:
        return (tally(self._directory / f"{day}.jsonl") for day in self._days(since))

    def _days(self, since: date) -> list[str]:
        """The days that may hold events since that day: an event is written after it happened."""
        return [day for day in self._files.days() if day >= since.isoformat()]

    def batches(self, usecase: str, table: str, since: datetime | None = None) -> Iterator[AuditEntry]:
        for day in self._files.days():
            if since is None or day >= f"{since:%Y-%m-%d}":
                place = self._directory / f"{day}.jsonl"
                for line in self._files.lines(day):
                    if BATCH in line and _is_of(line, usecase, table):
                        yield self._opened(day, line, place)

    def leaves(self, day: str, batch: PredictionBatch) -> bytes:
        return self._files.leaves(day, batch.offset, batch.size)

    def tree(self, day: str) -> bytes:
        return self._files.tree(day)

    def line(self, day: str, number: int) -> str:
        for line in self._files.lines(day):
            if json.loads(line).get("n") == number:
                return line.decode()
        raise NotFoundError(f"the audit log has no entry {number} of {day}")

    def prune(self, before: datetime, kept: Callable[[AuditEvent], bool]) -> dict[str, int]:
        gone = {}
        for day in self._files.days():
            if day < f"{before:%Y-%m-%d}":
                with self._locks.hold(LOCK):
                    gone[day] = self._prune(day, before, kept)
        return {day: count for day, count in gone.items() if count}

    def checkpoint(self, heads: Mapping[str, str]) -> SignedCheckpoint | None:
        if not self._files.days():
            return None
        with self._writing():
            signed, days = self._signed.newest(), self._files.days()
            for day in days:
                if day == days[-1]:
                    self._files.repair(day)
                last = signed.get(day)
                if last is None or last.size != self._files.size(day) or day == days[-1]:
                    tree = self._files.tree(day)
                    self._signed.sign(self._signatures, self._span, last, log=self.id, heads=heads, day=day, tree=tree)
            self._signed.copy({day: self._directory / f"{day}.tree" for day in days})
        return self.checkpoints()[-1]

    def checkpoints(self) -> list[SignedCheckpoint]:
        return self._signed.read()

    @cached_property
    def id(self) -> str:
        """What tells this log from another one, also from one that was made again in its place."""
        file = self._directory / "log.json"
        if not state_file.exists(file):
            state_file.write(file, json.dumps({"id": secrets.token_hex(8)}))
        return str(json.loads(state_file.read(file))["id"])

    def _append(self, contents: Sequence[dict[str, Any]], leaves: bytes = b"") -> None:
        """Number and write entries of one call, behind whatever a killed writer left."""
        with self._writing():
            now = self._now()
            day = max([f"{now:%Y-%m-%d}", *self._files.days()[-1:]])
            torn = self._files.repair(day)
            told = [{"event": _repaired(now, day, torn).json_dict()}] if torn else []
            if leaves:
                contents[0]["batch"]["offset"] = self._files.append_leaves(day, leaves)
            about, number = {"at": now.isoformat(), "day": day}, self._files.size(day)
            entries = [{**about, "n": n, **one} for n, one in enumerate([*told, *contents], number)]
            self._files.append(day, list(map(_line, entries)))

    def _now(self) -> datetime:
        return datetime.now(UTC)

    def _writing(self) -> "_Writing":
        return _Writing(self._directory, self._locks)

    def _sealed(self, event: AuditEvent) -> dict[str, Any]:
        """The event with the values of people sealed, each under the key of its person."""
        content, usecase = event.json_dict(), event.usecase
        for column, value in event.subject.items():
            known = self._pseudonym(usecase, value)
            name, key = self._keys.give(usecase, [known])[known]
            sealed = sealing.seal(key, value, _about(event, column))
            content["subject"][column] = {"key": name, "sealed": sealed}
        return content

    def _opened(self, day: str, line: bytes, place: Path, key_of: KeyOf | None = None) -> AuditEntry:
        try:
            content = json.loads(line)
            entry = {"day": day, "number": content["n"], "at": content.get("at"), "batch": content.get("batch")}
            if event := content.get("event"):
                plain = AuditEvent.model_validate({**event, "subject": {}})
                find = key_of or self._keys.by_id
                subject = {name: _value(find, plain, name, sealed) for name, sealed in event["subject"].items()}
                entry["event"] = plain.model_copy(update={"subject": subject})
            return AuditEntry.model_validate(entry)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedStateError(
                f"{place} has a line that is no entry of the audit log ({type(error).__name__}): `moebius audit "
                "verify` names it; restore the file from a backup"
            ) from None

    def _span(self, day: str) -> tuple[datetime, datetime] | None:
        """The earliest and the latest time of an event of the day."""
        entries = (json.loads(line) for line in self._files.lines(day))
        times = [datetime.fromisoformat(entry["event"]["at"]) for entry in entries if "event" in entry]
        return (min(times), max(times)) if times else None

    def _prune(self, day: str, before: datetime, kept: Callable[[AuditEvent], bool]) -> int:
        lines, gone = list(self._files.lines(day)), 0
        for at, line in enumerate(lines):
            entry = self._opened(day, line, self._directory / f"{day}.jsonl")
            if entry.event and entry.event.at < before and not kept(entry.event):
                lines[at], gone = _line({"n": entry.number, "pruned": merkle.leaf_hash(line).hex()}), gone + 1
        if gone:
            self._files.replace_lines(day, lines)
        return gone


class _Writing:
    """The log for one writer; what the disk refuses is a ServiceError."""

    def __init__(self, directory: Path, locks: Locks) -> None:
        self._directory, self._lock = directory, locks.hold(LOCK)

    def __enter__(self) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock.__enter__()
        except OSError as error:
            raise self._refused(error) from error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._lock.__exit__(kind, error, trace)
        if isinstance(error, OSError):
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> ServiceError:
        return ServiceError(f"the audit log below {self._directory} takes no entry: {error}")


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _is_of(line: bytes, usecase: str, table: str) -> bool:
    try:
        batch = json.loads(line).get("batch")
        return bool(batch) and (batch["usecase"], batch["table"]) == (usecase, table)
    except (ValueError, KeyError, TypeError, AttributeError):  # the verifier names it
        return False


def _value(key_of: KeyOf, event: AuditEvent, column: str, sealed: dict[str, str]) -> str:
    key = key_of(sealed["key"])
    value = sealing.unseal(key, sealed["sealed"], _about(event, column)) if key else None
    return ERASED if value is None else value


def _about(event: AuditEvent, column: str) -> bytes:
    """What a sealed value stands beside."""
    beside = {"at": event.at.isoformat(), "by": event.by, "action": event.action, "column": column}
    return json.dumps(beside, sort_keys=True).encode()


def _repaired(now: datetime, day: str, torn: int) -> AuditEvent:
    return AuditEvent(
        at=now, kind="change", action="repair_audit_log", by="audit log", via="task", what=f"audit/{day}.jsonl",
        reason="a writer was killed before its entry was whole", facts={"bytes_put_aside": torn},
    )  # fmt: skip
