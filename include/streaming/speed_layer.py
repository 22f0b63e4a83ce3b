"""The speed layer: events of a stream → feature rows in the online store, between two batch runs.

What a batch of events changes is pushed first and committed second, and both may be repeated: the online store
never takes an older row, a window takes an event of the same id only from a later place on the stream, and a row
is recorded under its own key. So a consumer that dies anywhere loses nothing and doubles nothing.
"""

import json
import logging
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, create_model

from include.contracts.period import Period
from include.contracts.streaming import KeptEvent, StreamChange, StreamEntry, StreamWindow
from include.errors import DataError
from include.ports.features import FeatureStore
from include.ports.streaming import EventStream
from include.specification.data import Source
from include.specification.usecase import UseCase
from include.streaming.features import StreamFeatures

log = logging.getLogger(__name__)

TIME = "event_timestamp"
MAX_DELIVERIES = 8
"""An event that was in the hands of so many consumers that died is put aside."""

CLOCK_SKEW = 3600.0
"""So many seconds an event's time may be after its publication."""

VALUE_FAULTS = (ValueError, TypeError, ArithmeticError, LookupError, DataError)
"""What a store that is there raises for a value that it cannot hold; one that is away raises something else."""

TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "timestamp": AwareDatetime}


@dataclass
class Outcome:
    """What became of a batch."""

    events: int = 0
    rows: int = 0
    late: int = 0
    dead: int = 0


@dataclass(frozen=True)
class Event:
    """One event that keeps the source's contract."""

    entry: str
    id: str
    key: str
    time: float
    fields: dict[str, Any]


@dataclass
class SpeedLayer:
    """Works on the events of one feature view; ``stream`` and ``store`` are its outside systems."""

    spec: UseCase
    view: str
    stream: EventStream
    store: FeatureStore
    _features: StreamFeatures = field(init=False)
    _contract: type[BaseModel] = field(init=False)

    def __post_init__(self) -> None:
        self.of = self.spec.streams[self.view]
        self.source = self.spec.sources[self.of.source]
        self.entity = self.spec.entities[self.spec.feature_views[self.view].entity].key
        self._features = StreamFeatures(self.spec, self.view)
        self._contract = contract(self.source, {*self.of.id, *self.of.key, str(self.source.time)})

    def handle(self, entries: Sequence[StreamEntry]) -> Outcome:
        """Push what these entries change and finish them; the unusable ones go to the dead-letter stream.

        Raises ServiceError when the stream or the online store is away: the same entries may be handled again.
        """
        if not entries:
            return Outcome()
        events, dead = self._read(entries)
        try:
            return self._commit(entries, events, dead)
        except BrokenEventError as error:
            if len(entries) > 1:  # one of them is at fault: each alone
                outcomes = [astuple(self.handle([entry])) for entry in entries]
                return Outcome(*map(sum, zip(*outcomes, strict=True)))
            return self._commit(entries, [], {entries[0].id: str(error)})

    def _commit(self, entries: Sequence[StreamEntry], events: list[Event], dead: dict[str, str]) -> Outcome:
        keys = sorted({event.key for event in events})
        change = self.stream.commit(entries, dead, keys, self._decision(events))
        for reason in sorted(set(dead.values())):
            log.warning("%s: %d events put aside: %s", self.view, list(dead.values()).count(reason), reason)
        return Outcome(len(entries), change.pushed, change.late, len(dead))

    def _read(self, entries: Iterable[StreamEntry]) -> tuple[list[Event], dict[str, str]]:
        events, dead = [], {}
        for entry in entries:
            if entry.deliveries > MAX_DELIVERIES:
                dead[entry.id] = f"{entry.deliveries - 1} consumers ended while they worked on it"
                continue
            try:
                event = self._event(entry)
            except ValidationError as error:
                dead[entry.id] = "breaks the contract: " + "; ".join(sorted(map(_fault, error.errors())))
                continue
            except OverflowError:
                dead[entry.id] = "a time lies outside of the calendar"
                continue
            if event.time > _place(entry.id)[0] / 1000 + CLOCK_SKEW:  # it would make every other one late
                dead[entry.id] = "its time is in the future"
            elif event.time < self.spec.times["first"]:
                dead[entry.id] = "its time is more than a year before periods.first"
            else:
                events.append(event)
        return events, dead

    def _event(self, entry: StreamEntry) -> Event:
        fields = self._contract.model_validate_json(entry.text).model_dump()
        moment: datetime = fields[str(self.source.time)]
        id_, key = (_name(fields, names) for names in (self.of.id, self.of.key))
        return Event(entry.id, id_, key, moment.timestamp(), _plain(fields))

    def _decision(self, events: list[Event]) -> Callable[[dict[str, StreamWindow], str], StreamChange]:
        def decide(windows: dict[str, StreamWindow], oldest: str) -> StreamChange:
            changed, touched, late = merge(windows, events, self.of.late_hours * 3600)
            due = {key: self._due(windows.get(key), window, touched[key]) for key, window in changed.items()}
            rows, records = self._computed(changed, due)
            if len(rows):
                self._push(rows)
            horizon = (self.of.window_hours + self.of.late_hours) * 3600
            kept = {key: _trimmed(window, oldest, horizon) for key, window in changed.items()}
            return StreamChange(windows=kept, rows=records, late=late)

        return decide

    def _push(self, rows: pd.DataFrame) -> None:
        try:
            self.store.push(self.view, rows)
        except VALUE_FAULTS as error:
            raise BrokenEventError(f"the online store cannot hold its features: {type(error).__name__}") from error

    def _due(self, before: StreamWindow | None, window: StreamWindow, touched: list[float]) -> set[float]:
        """Times whose features change: those that look back to a touched time, or whose window has become full."""
        reach, begun = self.of.window_hours * 3600, sorted(touched)
        full = {event.time for event in window.events.values() if event.time - reach >= window.since}
        return {
            t
            for t in full
            if bisect_left(begun, t - reach) < bisect_right(begun, t) or (before and t - reach < before.since)
        }

    def _computed(
        self, windows: Mapping[str, StreamWindow], due: Mapping[str, set[float]]
    ) -> tuple[pd.DataFrame, dict[Period, dict[str, str]]]:
        """The rows of the due times, and their records."""
        wanted, earlier = self._needed(windows, due)
        if not wanted:
            return pd.DataFrame(), {}
        month = Period.of(datetime.fromtimestamp(max(one.time for one in wanted), UTC))
        fields = [[self._typed(one.event) for one in part] for part in (wanted, earlier)]
        try:
            rows = self._features.rows(month, *fields)
            return rows, self._records(rows)
        except Exception as error:  # computing talks to nobody: whatever it is, it is in the events
            raise BrokenEventError(f"its features cannot be computed: {type(error).__name__}") from error

    def _needed(
        self, windows: Mapping[str, StreamWindow], due: Mapping[str, set[float]]
    ) -> tuple[list[KeptEvent], list[KeptEvent]]:
        reach, wanted, earlier = self.of.window_hours * 3600, list[KeptEvent](), list[KeptEvent]()
        for key, window in windows.items():
            first, last = min(due[key], default=0.0) - reach, max(due[key], default=-1.0)
            for event in window.events.values():
                if event.time in due[key]:
                    wanted.append(event)
                elif first <= event.time <= last:
                    earlier.append(event)
        return wanted, earlier

    def _typed(self, event: dict[str, Any]) -> dict[str, Any]:
        times = {c for c, kind in self.source.columns.items() if kind == "timestamp"}
        return {c: datetime.fromisoformat(v) if c in times and v is not None else v for c, v in event.items()}

    def _records(self, rows: pd.DataFrame) -> dict[Period, dict[str, str]]:
        """Month → row id → JSON of the row; NaN is null. Raises ValueError on an infinite feature."""
        records: dict[Period, dict[str, str]] = {}
        for row in rows.to_dict("records"):
            moment = row[TIME].isoformat()
            plain = {str(name): None if pd.isna(v) else v for name, v in row.items()} | {TIME: moment}
            text = json.dumps(plain, allow_nan=False)
            records.setdefault(Period.of(row[TIME]), {})[f"{row[self.entity]}|{moment}"] = text
        return records


class BrokenEventError(DataError):
    """Features cannot be computed with this event."""


def contract(source: Source, never_null: set[str]) -> type[BaseModel]:
    """The model of one event: every column of the source, strictly typed; other fields are left behind."""
    fields: dict[str, Any] = {}
    for column, kind in source.columns.items():
        kept: Any = TYPES[kind]
        fields[column] = (kept if column in never_null else kept | None, ...)
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


def merge(
    windows: Mapping[str, StreamWindow], events: Iterable[Event], late_seconds: float
) -> tuple[dict[str, StreamWindow], dict[str, list[float]], int]:
    """Windows with the events in, the touched times per key, and how many events came too late for them.

    Late is what is so much older than an event that was published, and settled, before it.
    Of two events with one id the one from the later place on the stream stays, whatever came first.
    """
    changed: dict[str, StreamWindow] = {}
    touched: dict[str, list[float]] = {}
    late = 0
    for event in events:
        window = changed.get(event.key) or windows.get(event.key)
        if window and window.settled is not None and event.time < window.settled - late_seconds:
            late += 1
            continue
        changed[event.key] = _with(window, event)
        touched.setdefault(event.key, []).append(event.time)
    return changed, touched, late


def _with(window: StreamWindow | None, event: Event) -> StreamWindow:
    kept = KeptEvent(entry=event.entry, time=event.time, event=event.fields)
    if window is None:
        return StreamWindow(since=event.time, newest=event.time, events={event.id: kept})
    there = window.events.get(event.id)
    if there and _place(there.entry) >= _place(event.entry):
        kept = there
    return StreamWindow(
        since=min(window.since, event.time),
        newest=max(window.newest, event.time),
        settled=window.settled,
        events=window.events | {event.id: kept},
    )


def _trimmed(window: StreamWindow, oldest: str, horizon: float) -> StreamWindow:
    """Without what no event that can still come looks at; ``oldest`` is the place of the oldest unfinished one."""
    before = [event.time for event in window.events.values() if _place(event.entry) < _place(oldest)]
    settled = max([*before, *([] if window.settled is None else [window.settled])], default=None)
    kept = {i: event for i, event in window.events.items() if settled is None or event.time >= settled - horizon}
    return window.model_copy(update={"events": kept, "settled": settled})


def _place(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {c: v.astimezone(UTC).isoformat() if isinstance(v, datetime) else v for c, v in fields.items()}


def _name(fields: Mapping[str, Any], columns: Sequence[str]) -> str:
    return "|".join(str(_plain({c: fields[c]})[c]) for c in columns)


def _fault(error: Any) -> str:
    return f"{'.'.join(map(str, error['loc'])) or 'the event'}: {error['type']}"


Choice = Literal["replay", "drop"]


def settle_dead_letters(stream: EventStream, choice: Choice) -> int:
    """Put the dead letters back onto their stream, or delete them; how many."""
    return stream.replay() if choice == "replay" else stream.drop_dead()
