"""The speed layer: events of a stream → feature rows in the online store, between two batch runs.

What a batch of events changes is pushed first and committed second, and both may be repeated: the online store
never takes an older row, a window takes an event of the same id only from a later place on the stream, and a row
is recorded under its own key. So a consumer that dies anywhere loses nothing and doubles nothing.

Whatever one event raises on the way is its own fault, and puts it aside: only a stream or a store that is away
stops the others, and a ``features.py`` that computes nothing without an event either.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd

from include.contracts.period import Period
from include.contracts.streaming import KeptEvent, StreamChange, StreamEntry, StreamWindow
from include.errors import DataError, SpecError
from include.formats.identity import joined
from include.ports.features import FeatureStore
from include.ports.streaming import EventStream
from include.specification.usecase import UseCase
from include.streaming import windows as of_windows
from include.streaming.events import Event, EventReader, typed
from include.streaming.features import StreamFeatures

log = logging.getLogger(__name__)

TIME = "event_timestamp"

VALUE_FAULTS = (ValueError, TypeError, ArithmeticError, LookupError, DataError)
"""What a store that is there raises for a value that it cannot hold; one that is away raises something else."""

Windows = Mapping[str, StreamWindow]
Decision = Callable[[dict[str, StreamWindow], str], StreamChange]


@dataclass
class Outcome:
    """What became of a batch; ``left_out`` are no events of the view: a computed id, key or time is null."""

    events: int = 0
    rows: int = 0
    late: int = 0
    dead: int = 0
    left_out: int = 0


@dataclass
class SpeedLayer:
    """Works on the events of one feature view; ``stream`` and ``store`` are its outside systems."""

    spec: UseCase
    view: str
    stream: EventStream
    store: FeatureStore
    _features: StreamFeatures = field(init=False)
    _reader: EventReader = field(init=False)

    def __post_init__(self) -> None:
        self.of = self.spec.streams[self.view]
        self.source = self.spec.sources[self.of.source]
        self.entity = self.spec.entities[self.spec.feature_views[self.view].entity].key
        self._features = StreamFeatures(self.spec, self.view)
        self._reader = EventReader(self.spec, self.view)

    def handle(self, entries: Sequence[StreamEntry]) -> Outcome:
        """Push what these entries change and finish them; the unusable ones go to the dead-letter stream.

        Raises ServiceError when the stream or the online store is away, and SpecError when the use case's features
        cannot be computed of any event: the same entries may be handled again.
        """
        if not entries:
            return Outcome()
        events, dead = self._reader.read(entries)
        try:
            return self._commit(entries, events, dead)
        except BrokenEventError as error:
            if len(entries) > 1:  # one of them is at fault: each alone
                outcomes = [astuple(self.handle([entry])) for entry in entries]
                return Outcome(*map(sum, zip(*outcomes, strict=True)))
            return self._blamed(entries[0], events, error)

    def _blamed(self, entry: StreamEntry, events: list[Event], error: "BrokenEventError") -> Outcome:
        """The window that was there is at fault when it computes nothing without this event either."""
        try:
            return self._commit([entry], events, {}, self._restart)
        except BrokenEventError:
            return self._commit([entry], [], {entry.id: str(error)})

    def _commit(
        self,
        entries: Sequence[StreamEntry],
        events: list[Event],
        dead: dict[str, str],
        begin: Callable[[Windows], dict[str, str]] = lambda windows: {},
    ) -> Outcome:
        keys = sorted({event.key for event in events})
        change = self.stream.commit(entries, dead, keys, self._decision(events, begin), [e.id for e in events])
        for reason in sorted({*dead.values(), *change.broken.values()}):
            count = [*dead.values(), *change.broken.values()].count(reason)
            log.warning("%s: %d events put aside: %s", self.view, count, reason)
        left_out = len(entries) - len(events) - len(dead)
        return Outcome(len(entries), change.pushed, change.late, len(dead), left_out)

    def _decision(self, events: list[Event], begin: Callable[[Windows], dict[str, str]]) -> Decision:
        """``begin`` says which stored windows are put aside, and why."""
        reach, late_seconds = self.of.window_hours * 3600, self.of.late_hours * 3600

        def decide(stored: dict[str, StreamWindow], oldest: str) -> StreamChange:
            with blaming("its features cannot be computed"):
                broken = begin(stored)
                windows = {key: window for key, window in stored.items() if key not in broken}
                changed, touched, late = of_windows.merge(windows, events, late_seconds)
                due = {k: of_windows.due(windows.get(k), w, touched[k], reach) for k, w in changed.items()}
                kept = {k: of_windows.trimmed(w, oldest, reach + late_seconds) for k, w in changed.items()}
                rows = self._computed(changed, due)
                records = {period: self._records(part) for period, part in rows.items()}
                gone = self._gone(windows, changed, records)
            for period in sorted(rows):
                self._push(rows[period])
            before, now = of_windows.homes(stored), of_windows.homes(kept)
            homes = {name: key for name, key in now.items() if before.get(name) != key}
            left = sorted(name for name, key in before.items() if key in {*kept, *broken} and name not in now)
            return StreamChange(windows=kept, rows=records, late=late, broken=broken, homes=homes, left=left, gone=gone)

        return decide

    def _gone(
        self, before: Windows, changed: Windows, records: Mapping[Period, Mapping[str, str]]
    ) -> dict[Period, list[str]]:
        """Ids of rows of corrected events, of which no event has the time, or the key, any more."""
        left = {key: of_windows.left_times(before[key], window) for key, window in changed.items() if key in before}
        left = {key: times for key, times in left.items() if times}
        rows = self._computed({key: before[key] for key in left}, left)
        return {
            period: sorted(self._records(part).keys() - records.get(period, {}).keys()) for period, part in rows.items()
        }

    def _restart(self, windows: Windows) -> dict[str, str]:
        """Those of these windows that compute nothing by themselves, and why; raises when there is none."""
        broken = {key: fault for key, window in windows.items() if (fault := self._fault(key, window))}
        if not broken:
            raise BrokenEventError("its features cannot be computed")
        return broken

    def _fault(self, key: str, window: StreamWindow) -> str:
        try:
            rows = self._computed({key: window}, {key: of_windows.full(window, self.of.window_hours * 3600)})
            for part in rows.values():
                self._records(part)
        except SpecError:
            raise
        except Exception as error:
            return f"a window that computes no features ({type(error).__name__}); its key starts again"
        return ""

    def _push(self, rows: pd.DataFrame) -> None:
        try:
            self.store.push(self.view, rows)
        except VALUE_FAULTS as error:
            raise BrokenEventError(f"the online store cannot hold its features: {type(error).__name__}") from error

    def _computed(self, windows: Windows, due: Mapping[str, set[float]]) -> dict[Period, pd.DataFrame]:
        """The rows of the due times, by period; raises whatever the events make the expressions raise."""
        wanted, earlier = of_windows.needed(windows, due, self.of.window_hours * 3600)
        before = [typed(self.source, kept.event) for kept in earlier]
        parts: dict[Period, list[dict[str, Any]]] = {}
        for kept in wanted:
            event = typed(self.source, kept.event)
            parts.setdefault(self._period(kept, event), []).append(event)
        others = {period: [e for other in parts if other != period for e in parts[other]] for period in parts}
        return {period: self._rows(period, part, before + others[period]) for period, part in parts.items()}

    def _rows(self, period: Period, wanted: list[dict[str, Any]], earlier: list[dict[str, Any]]) -> pd.DataFrame:
        """Raises SpecError when the features cannot be computed without an event either: then none is at fault."""
        try:
            return self._features.rows(period, wanted, earlier)
        except (Exception, SystemExit) as error:
            self._features.check(period if self.spec.periods.has(period) else self.spec.periods.first)
            if isinstance(error, SpecError):  # of a period that is none of the use case
                raise BrokenEventError(f"there are no features of {period}") from error
            raise

    def _period(self, kept: KeptEvent, event: Mapping[str, Any]) -> Period:
        """The period in which the batch has the event's raw row."""
        moment: datetime | None = event[self.source.time] if self.source.time else None
        return self.spec.calendar.of(moment or datetime.fromtimestamp(kept.time, UTC))

    def _records(self, rows: pd.DataFrame) -> dict[str, str]:
        """Row id → JSON of the row; NaN is null. Raises ValueError on an infinite feature."""
        records = dict[str, str]()
        for row in rows.to_dict("records"):
            plain = {str(name): _plain(value) for name, value in row.items()}
            records[joined([str(row[self.entity]), row[TIME].isoformat()])] = json.dumps(plain, allow_nan=False)
        return records


class BrokenEventError(DataError):
    """Features cannot be computed with this event."""


@contextmanager
def blaming(what: str) -> Iterator[None]:
    """For steps that talk to nobody: whatever they raise is in the events, unless the features' program is at fault."""
    try:
        yield
    except SpecError:
        raise
    except Exception as error:
        raise BrokenEventError(f"{what}: {type(error).__name__}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return None if pd.isna(value) else value


Choice = Literal["replay", "drop"]


def settle_dead_letters(stream: EventStream, choice: Choice) -> int:
    """Put the dead letters back onto their stream, or delete them; how many."""
    return stream.replay() if choice == "replay" else stream.drop_dead()
