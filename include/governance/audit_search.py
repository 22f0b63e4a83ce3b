"""Searches of the audit log: which events, for whose eyes, and how a row shows them."""

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any, NamedTuple, Self

from pydantic import Field, model_validator

from include.contracts.audit import AuditEntry, AuditEvent, AuditKind, Outcome
from include.contracts.governance import Level, Role
from include.contracts.record import Moment, Record
from include.errors import AccessError
from include.governance.rights import AUDITORS
from include.ports.audit import AuditLog

HIDDEN = "(personal)"
"""In the place of a person's value, for a role that reads no personal columns."""
LOG_ANSWERS = "log_answers"
"""Action of an entry of a batch of predictions."""
COLUMNS = ("entry", "at", "kind", "action", "by", "via", "usecase", "what", "outcome", "reason", "subject", "facts")


class Reading(NamedTuple):
    """Who searches: a login with its role and the class that the role reads; the owner of the state root has no role.

    Auditors and admins see every event, every other login only its own.
    """

    login: str = ""
    role: Role | None = None
    level: Level = "personal"

    def sees(self, event: AuditEvent) -> bool:
        return self.role is None or self.role in AUDITORS or event.by == self.login

    def shown(self, entry: AuditEntry) -> AuditEntry:
        """The entry without what the role does not read."""
        if entry.event is None or not entry.event.subject or self.level == "personal":
            return entry
        hidden = dict.fromkeys(entry.event.subject, HIDDEN)
        return entry.model_copy(update={"event": entry.event.model_copy(update={"subject": hidden})})


class Search(Record):
    """What to look for; what is empty holds for every event."""

    since: Moment | None = None
    until: Moment | None = None
    by: str = Field("", description="login, client or process, as a whole")
    kind: AuditKind | None = None
    action: str = ""
    usecase: str = ""
    what: str = Field("", description="a part of what it was done to")
    outcome: Outcome | None = None
    text: str = Field("", description="words that the event has anywhere, each of them")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError(f"nothing is since {self.since:%Y-%m-%d %H:%M} and before {self.until:%Y-%m-%d %H:%M}")
        return self

    @property
    def asked(self) -> dict[str, Any]:
        """The filters that are set."""
        return {name: value for name, value in self.json_dict().items() if value}

    @property
    def exact(self) -> dict[str, str]:
        """The filters that an event has as a whole: field → value."""
        wanted = {name: getattr(self, name) or "" for name in ("by", "kind", "action", "usecase", "outcome")}
        return {name: value for name, value in wanted.items() if value}

    def meets(self, event: AuditEvent) -> bool:
        return (
            (self.since is None or event.at >= self.since)
            and (self.until is None or event.at < self.until)
            and all(getattr(event, name) == wanted for name, wanted in self.exact.items())
            and self.what in event.what
            and self._has_words(event)
        )

    def _has_words(self, event: AuditEvent) -> bool:
        if not self.text:
            return True
        whole = " ".join(str(value) for value in row(AuditEntry(day="0000-00-00", number=0, event=event)).values())
        return all(word in whole.lower() for word in self.text.lower().split())


class Found(NamedTuple):
    """The newest entries, the newest first, and how many there are by UTC day and kind."""

    entries: list[AuditEntry]
    by_day: dict[tuple[str, str], int]

    @property
    def total(self) -> int:
        return sum(self.by_day.values())


def find(entries: Iterable[AuditEntry], search: Search, reading: Reading, newest: int | None = None) -> Found:
    """The newest entries (None: all) that meet the search, as the reader sees them: no text finds a hidden value."""
    by_day = Counter[tuple[str, str]]()

    def counted() -> Iterator[AuditEntry]:
        for shown in _seen(entries, reading):
            if shown.event and search.meets(shown.event):
                by_day[f"{shown.event.at:%Y-%m-%d}", shown.event.kind] += 1
                yield shown

    kept = (
        sorted(counted(), key=_place, reverse=True) if newest is None else heapq.nlargest(newest, counted(), key=_place)
    )
    return Found(kept, dict(sorted(by_day.items())))


def latest(log: AuditLog, since: date, reading: Reading, newest: int) -> Found:
    """The events that were written last, and how many there are from that day on: no more is read than is new."""
    recent = (e for e in _seen(log.newest(since), reading) if e.event and e.event.at.date() >= since)
    return Found(sorted(islice(recent, newest), key=_place, reverse=True), dict(log.tally(since)))


def _seen(entries: Iterable[AuditEntry], reading: Reading) -> Iterator[AuditEntry]:
    """The events that the reader sees, as it sees them."""
    return (reading.shown(entry) for entry in map(with_event, entries) if entry.event and reading.sees(entry.event))


def with_event(entry: AuditEntry) -> AuditEntry:
    """An entry of a batch of predictions as an event: a model was used, and its answers were logged."""
    if entry.batch is None or entry.at is None:
        return entry
    told = entry.batch.json_dict()
    facts = {name: told[name] for name in ("size", "table", "run", "first", "last", "root") if told.get(name)}
    event = AuditEvent(
        at=entry.at, kind="use", action=LOG_ANSWERS, by="", via="task", usecase=entry.batch.usecase,
        what=f"{entry.batch.size:,} rows of table {entry.batch.table}", facts=facts,
    )  # fmt: skip
    return entry.model_copy(update={"event": event})


def _place(entry: AuditEntry) -> tuple[str, str, int]:
    return (entry.event.at.isoformat() if entry.event else "", entry.day, entry.number)


def require_overseer(reading: Reading) -> None:
    """Raise AccessError for a role that sees its own events only."""
    if reading.role is not None and reading.role not in AUDITORS:
        allowed = ", ".join(sorted(AUDITORS))
        raise AccessError(f"the role {reading.role!r} of {reading.login!r} does not read the audit log: {allowed} do")


def row(entry: AuditEntry) -> dict[str, str]:
    """An event as texts, by column."""
    event = entry.event
    if event is None:
        return dict.fromkeys(COLUMNS, "")
    plain = {name: str(getattr(event, name)) for name in COLUMNS if name not in ("entry", "at", "subject", "facts")}
    nested = {name: _json(getattr(event, name)) for name in ("subject", "facts")}
    at = event.at.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    return {name: {"entry": f"{entry.day}/{entry.number}", "at": at, **plain, **nested}[name] for name in COLUMNS}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if value else ""
