"""Events of a stream: what one must be, and why an entry that is none is put aside."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from include.contracts.streaming import StreamEntry, place
from include.errors import SpecError
from include.formats.exact_floats import holds
from include.formats.identity import joined
from include.formats.iso_time import IsoTime
from include.formats.json_rows import JsonRefusedError, parse
from include.specification.data import Source, StreamSpec
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from include.streaming.computed import ComputedColumns

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
        of, source = self._of, self.spec.sources[self._of.source]
        object.__setattr__(self, "_contract", contract(source, {*of.id, *of.key, *source.never_empty, self.time}))

    @property
    def _of(self) -> StreamSpec:
        return self.spec.streams[self.view]

    @property
    def time(self) -> str:
        """The column of the event's time."""
        return self._of.time or str(self.spec.sources[self._of.source].time)

    def read(self, entries: Iterable[StreamEntry]) -> tuple[list[Event], dict[str, str]]:
        """The events, and for every entry that is none why it is put aside, without its values.

        An entry whose computed id, key or time is null is neither: it is no event of this view. Raises SpecError when
        the use case's ``computed`` cannot be used.
        """
        fields, dead = self._fields(entries)
        columns, uncomputed = self._computed(fields)
        events = [event for entry, found in columns.items() if (event := self._event(entry, fields[entry], found))]
        undated = {event.entry: fault for event in events if (fault := self._undated(event))}
        return [event for event in events if event.entry not in undated], dead | uncomputed | undated

    def dated(self, rows: pd.DataFrame) -> list[tuple[datetime, dict[str, Any]]]:
        """Raw rows of the source as events, each with its time, in the order of time; without what is no event."""
        source = self.spec.sources[self._of.source]
        raw = as_events(source, rows)
        known = [typed(source, event) for event in raw]
        moments = [{**event, **found}[self.time] for event, found in zip(known, self._columns(known), strict=True)]
        dated = [(moment, event) for moment, event in zip(moments, raw, strict=True) if moment is not None]
        return sorted(dated, key=lambda one: one[0])

    def _fields(self, entries: Iterable[StreamEntry]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """What each entry holds by the contract, and for every other one why it is put aside."""
        fields, dead = dict[str, dict[str, Any]](), dict[str, str]()
        for entry in entries:
            if entry.deliveries > MAX_DELIVERIES:
                dead[entry.id] = worn_out(entry)
                continue
            try:
                fields[entry.id] = _in_utc(fields_of(entry, self._contract))
            except Exception as error:  # reading talks to nobody: whatever it is, it is in the entry
                dead[entry.id] = unreadable(error)
        return fields, dead

    def _computed(self, fields: Mapping[str, dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """The computed columns by entry, and why those of an entry cannot be computed; one at fault is found alone."""
        try:
            return dict(zip(fields, self._columns([*fields.values()]), strict=True)), {}
        except SpecError:
            raise
        except Exception as error:
            if len(fields) == 1:
                return {}, dict.fromkeys(fields, f"its computed columns cannot be computed: {type(error).__name__}")
        alone = [self._computed({entry: found}) for entry, found in fields.items()]
        columns, faults = ({e: x for part in parts for e, x in part.items()} for parts in zip(*alone, strict=True))
        return columns, faults

    def _columns(self, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return self._computing.of(events) if self._of.computed and events else [{} for _ in events]

    @cached_property
    def _computing(self) -> "ComputedColumns":
        from include.streaming.computed import ComputedColumns  # a scorer of requests needs no engine

        return ComputedColumns(self.spec, self.view)

    def _undated(self, event: Event) -> str:
        """Why its time cannot be; '' when it can. A time in the future would make every other one late."""
        published = min(place(event.entry)[0] / 1000, time.time())  # a producer may name a place in the future
        if event.time > published + CLOCK_SKEW:
            return "its time is in the future"
        if event.time < self.spec.times["first"]:
            return "its time is more than a year before periods.first"
        return ""

    def _event(self, entry: str, fields: dict[str, Any], computed: dict[str, Any]) -> Event | None:
        known = fields | computed
        if any(known[name] is None for name in (*self._of.id, *self._of.key, self.time)):
            return None
        moment: datetime = known[self.time]
        id_, key = (_name(known, names) for names in (self._of.id, self._of.key))
        return Event(entry, id_, key, moment.timestamp(), _plain(fields))


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
    return not (isinstance(value, float) and isinstance(written, bytes)) or holds(value, written.decode())


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
        return f"breaks the contract: {error}: a number that a float cannot hold"
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


def typed(source: Source, event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event with its times as such, not as text."""
    times = {c for c, kind in source.columns.items() if kind == "timestamp"}
    return {c: datetime.fromisoformat(v) if c in times and v is not None else v for c, v in event.items()}


def _in_utc(fields: dict[str, Any]) -> dict[str, Any]:
    return {c: v.astimezone(UTC) if isinstance(v, datetime) else v for c, v in fields.items()}


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {c: v.isoformat() if isinstance(v, datetime) else v for c, v in fields.items()}


def _name(fields: Mapping[str, Any], columns: Sequence[str]) -> str:
    """-0.0 is 0.0, as it is for the batch."""
    plain = _plain({c: fields[c] for c in columns})
    return joined([str(value + 0.0 if isinstance(value, float) else value) for value in plain.values()])
