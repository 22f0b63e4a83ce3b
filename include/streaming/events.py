"""Events of a stream: what one must be, and why an entry that is none is put aside."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from include.contracts.streaming import StreamEntry, place
from include.formats.exact_floats import holds
from include.formats.identity import joined
from include.formats.iso_time import IsoTime
from include.formats.json_rows import JsonRefusedError, parse
from include.specification.data import Source
from include.specification.usecase import UseCase

MAX_DELIVERIES = 8
"""An entry that was in the hands of so many consumers that died is put aside."""

CLOCK_SKEW = 3600.0
"""So many seconds an event's time may be after its publication."""

INT64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
TYPES = {"string": str, "integer": INT64, "number": float, "boolean": bool, "timestamp": IsoTime}


@dataclass(frozen=True)
class Event:
    """One event that keeps the source's contract; ``time`` in epoch seconds."""

    entry: str
    id: str
    key: str
    time: float
    fields: dict[str, Any]


@dataclass(frozen=True)
class EventReader:
    """Reads the entries of the stream of one feature view."""

    spec: UseCase
    view: str
    _contract: type[BaseModel] = field(init=False)

    def __post_init__(self) -> None:
        of, source = self.spec.streams[self.view], self._source
        object.__setattr__(self, "_contract", contract(source, {*of.id, *of.key, str(source.time)}))

    @property
    def _source(self) -> Source:
        return self.spec.sources[self.spec.streams[self.view].source]

    def read(self, entries: Iterable[StreamEntry]) -> tuple[list[Event], dict[str, str]]:
        """The events, and for every other entry why it is put aside, without its values."""
        events, dead = [], dict[str, str]()
        for entry in entries:
            if entry.deliveries > MAX_DELIVERIES:
                dead[entry.id] = worn_out(entry)
                continue
            try:
                event = self._event(entry)
            except Exception as error:  # reading talks to nobody: whatever it is, it is in the entry
                dead[entry.id] = unreadable(error)
                continue
            if fault := self._undated(event):
                dead[entry.id] = fault
            else:
                events.append(event)
        return events, dead

    def _undated(self, event: Event) -> str:
        """Why its time cannot be; '' when it can. A time in the future would make every other one late."""
        published = min(place(event.entry)[0] / 1000, time.time())  # a producer may name a place in the future
        if event.time > published + CLOCK_SKEW:
            return "its time is in the future"
        if event.time < self.spec.times["first"]:
            return "its time is more than a year before periods.first"
        return ""

    def _event(self, entry: StreamEntry) -> Event:
        of, fields = self.spec.streams[self.view], fields_of(entry, self._contract)
        moment: datetime = fields[str(self._source.time)]
        id_, key = (_name(fields, names) for names in (of.id, of.key))
        return Event(entry.id, id_, key, moment.timestamp(), _plain(fields))


class RoundedNumberError(ValueError):
    """Fields whose number a float cannot hold; its words are their names."""


def fields_of(entry: StreamEntry, contract: type[BaseModel]) -> dict[str, Any]:
    """What the entry's JSON holds by the contract; raises what ``unreadable`` puts into words."""
    fields = contract.model_validate_json(entry.text).model_dump(by_alias=True)
    written = parse(entry.text.encode())
    if rounded := sorted(name for name, value in fields.items() if not _held(value, written.get(name))):
        raise RoundedNumberError(", ".join(rounded))
    return fields


def _held(value: Any, written: Any) -> bool:
    """Whether the floats of a field are the numbers that its JSON has (the bytes of their digits)."""
    if isinstance(value, list):
        return all(map(_held, value, written))
    return not (isinstance(value, float) and isinstance(written, bytes)) or holds(value, Decimal(written.decode()))


def worn_out(entry: StreamEntry) -> str:
    """Why an entry that ended so many consumers is put aside."""
    return f"{entry.deliveries - 1} consumers ended while they worked on it"


def unreadable(error: Exception, whole: str = "the event") -> str:
    """Why an entry that cannot be read is put aside: field and kind of fault, without a value."""
    if isinstance(error, ValidationError):
        faults = {f"{'.'.join(map(str, fault['loc'])) or whole}: {fault['type']}" for fault in error.errors()}
        return "breaks the contract: " + "; ".join(sorted(faults))
    if isinstance(error, JsonRefusedError):
        return f"breaks the contract: {error}"
    if isinstance(error, RoundedNumberError):
        return f"breaks the contract: {error}: a whole number that a float cannot hold"
    if isinstance(error, OverflowError):
        return "a time lies outside of the calendar"
    return f"cannot be read: {type(error).__name__}"


def contract(source: Source, never_null: set[str]) -> type[BaseModel]:
    """The model of one event: every column of the source, strictly typed; other fields are left behind."""
    fields: dict[str, Any] = {}
    for number, (column, kind) in enumerate(source.columns.items()):  # pydantic keeps names for itself
        kept: Any = TYPES[kind]
        fields[f"c{number}"] = (kept if column in never_null else kept | None, Field(alias=column))
    config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)
    return create_model("Event", __config__=config, **fields)


def as_events(source: Source, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Raw rows of a source as events in the order of their time: JSON values, times in ISO 8601 with UTC."""
    rows = rows[source.required].assign(**{str(source.time): pd.to_datetime(rows[str(source.time)], utc=True)})
    rows = rows.sort_values(str(source.time), kind="stable")
    columns = {c: [_json(v, source.columns[c]) for v in rows[c].tolist()] for c in source.required}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _json(value: Any, kind: str) -> Any:
    if pd.isna(value):
        return None
    if kind == "timestamp":
        return pd.Timestamp(value).isoformat()
    return int(value) if kind == "integer" else value


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {c: v.astimezone(UTC).isoformat() if isinstance(v, datetime) else v for c, v in fields.items()}


def _name(fields: Mapping[str, Any], columns: Sequence[str]) -> str:
    return joined([str(_plain({c: fields[c]})[c]) for c in columns])
