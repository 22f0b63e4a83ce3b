"""The manifests of a use case's snapshots, and who did what to each.

``<period>.json`` is the current snapshot of a period, ``named/<name>.json`` one snapshot for good,
``log/<period>.jsonl`` which became current when, by whom and why, ``pins/<name>.json`` who keeps it from
expiring, ``expired/<name>.json`` when and why it went. ``announced/<period>.json`` is which snapshot the other DAGs
were told of last, ``catch_up/<run>.json`` what a run of several periods has published so far.
``calendar/calendar.json`` is the calendar of the published periods, ``index/<month>.json`` the manifests of a month's
snapshots together. Each is replaced in one step.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from typing import Self, TypeVar

from include.contracts.calendar import Calendar
from include.contracts.period import RANGE, Period, range_text, ranges
from include.contracts.record import Moment, Record
from include.contracts.tables import ManifestIndex, SnapshotRef
from include.errors import DamagedStateError
from include.ports.state import Locks, StateStore

log = logging.getLogger(__name__)
R = TypeVar("R", bound=Record)


CALENDAR = "calendar/calendar.json"
NAMED = "named/"


def _catch_up(run: str) -> str:
    return f"catch_up/{run}.json"


def _raise(error: DamagedStateError) -> None:
    raise error


def _leave_out(error: DamagedStateError) -> None:
    log.error("%s; the period is left out", error)


class Turn(Record):
    """A snapshot became current, was pinned or expired: when (to the second), by whom, why."""

    name: str
    at: Moment
    by: str
    why: str

    @classmethod
    def of(cls, name: str, at: datetime, by: str, why: str) -> Self:
        return cls(name=name, at=at.replace(microsecond=0), by=by, why=why)


class Expiry(Turn):
    """The end of a snapshot; its manifest is kept for the record."""

    period: Period
    snapshot: SnapshotRef


class Announcement(Record):
    """The run that told the other DAGs of a snapshot."""

    name: str
    rewrites: list[str]
    run: str

    def is_of(self, snapshot: SnapshotRef) -> bool:
        return (self.name, self.rewrites) == (snapshot.name, snapshot.rewrites)


@lru_cache(maxsize=32_768)
def _snapshot(text: str) -> SnapshotRef:
    return SnapshotRef.model_validate_json(text)


class CatchUp(Record):
    """The periods that a run published before its newest one, and whether the other DAGs were told of them.

    ``told_by`` is the run that told: this one, or a later one where this one failed before it could.
    """

    run: str
    ranges: tuple[str, ...] = ()
    told: bool = False
    told_by: str = ""

    @property
    def periods(self) -> list[Period]:
        return [period for text in self.ranges for period in Period.ranged(text)]

    def plus(self, period: Period) -> Self:
        """With one more period; one that comes after the others costs the same however many they are."""
        *before, tail = self.ranges or ("",)
        first, _, last = tail.partition(RANGE)
        if tail and Period(last or first).shift(1) == period:
            return self.model_copy(update={"ranges": (*before, f"{first}{RANGE}{period}")})
        texts = tuple(str(range_text(stretch)) for stretch in ranges([*self.periods, period]))
        return self.model_copy(update={"ranges": texts})


class Snapshots:
    """Fulfils ``ports.SnapshotManifests`` and more; the order of several changes is the caller's."""

    def __init__(self, usecase: str, state: StateStore, locks: Locks) -> None:
        self._state, self._locks, self._room = state, locks, f"snapshots/{usecase}"

    def __str__(self) -> str:
        return f"{self._state}/{self._room}"

    # -- locks
    def publishing(self) -> AbstractContextManager[None]:
        """Held from a publication's first commit to its manifest: in between nothing names what was committed."""
        return self._locks.hold(f"{self._room}/publishing", shared=True)

    @contextmanager
    def nobody_publishing(self) -> Iterator[None]:
        """No publication is under way, and none starts, while files are deleted."""
        with self._locks.hold(f"{self._room}/publishing"), self.changing():
            yield

    def changing(self) -> AbstractContextManager[None]:
        """One at a time reads the manifests and changes them."""
        return self._locks.hold(f"{self._room}/changing")

    # -- manifests
    def current(self, period: Period) -> SnapshotRef | None:
        return self._read(f"{period}.json", SnapshotRef)

    def published(self) -> list[SnapshotRef]:
        """The current snapshots that can be read; a period with a damaged manifest is logged, and stops itself only."""
        return list(self._manifests([""], _leave_out).values())

    def periods(self) -> list[Period]:
        """The periods of ``published``, without reading what the index holds."""
        stamps, index = self._stamps(""), self._index()
        rest = [place for place, stamp in stamps.items() if place not in index or index[place][0] != stamp]
        damaged = set(rest) - set(self._records(rest, SnapshotRef, _leave_out))
        return [Period(place.removesuffix(".json")) for place in stamps if place not in damaged]

    def stamp(self) -> str:
        """Another text after each change of what is published; "" as the state's ``room_stamp``."""
        return self._state.room_stamp(self._room)

    def newest(self) -> SnapshotRef | None:
        """The current snapshot of the newest period whose manifest can be read."""
        for place in sorted(self._stamps(""), reverse=True):
            try:
                if snapshot := self._read(place, SnapshotRef):
                    return snapshot
            except DamagedStateError as error:
                _leave_out(error)
        return None

    def named(self, name: str) -> SnapshotRef | None:
        return self._read(f"named/{name}.json", SnapshotRef)

    def all_named(self) -> list[SnapshotRef]:
        """Every snapshot that has not expired, by period and name."""
        return list(self._manifests([NAMED]).values())

    def manifests(self) -> dict[str, SnapshotRef]:
        """Every one; raises DamagedStateError for one that cannot be read, since its files must not be deleted."""
        return self._manifests(["", NAMED])

    @staticmethod
    def is_named(place: str) -> bool:
        """Whether a place of ``manifests`` is that of a snapshot for good, not of a period's current one."""
        return place.startswith(NAMED)

    def replace(self, place: str, snapshot: SnapshotRef) -> None:
        self._write(place, snapshot)

    def keep(self, snapshot: SnapshotRef) -> None:
        """Write the manifest that stays under the snapshot's name."""
        self._write(f"named/{snapshot.name}.json", snapshot)

    def make_current(self, snapshot: SnapshotRef, turn: Turn) -> None:
        """Note the turn, then replace the pointer; a repetition notes nothing."""
        if self._is_current(snapshot):
            return
        turns = [*self.turns(snapshot.period), turn]
        lines = "".join(f"{one.model_dump_json()}\n" for one in turns)
        # before the pointer: a kill in between leaves a turn too many, never one too few
        self._state.put(f"{self._room}/log/{snapshot.period}.jsonl", lines)
        self._write(f"{snapshot.period}.json", snapshot)
        self._note(snapshot.period.month, [f"{snapshot.period}.json", f"named/{snapshot.name}.json"])

    def _is_current(self, snapshot: SnapshotRef) -> bool:
        """False also where the pointer is damaged: it is replaced then."""
        try:
            return self.current(snapshot.period) == snapshot
        except DamagedStateError as error:
            log.error("%s", error)
            return False

    def turns(self, period: Period) -> list[Turn]:
        """Which snapshot of the period became current when, oldest first."""
        log = self._state.get(f"{self._room}/log/{period}.jsonl")
        return [Turn.read_back(line, f"{self}/log/{period}.jsonl") for line in log.text.splitlines()] if log else []

    # -- what the other DAGs know
    def announced(self, period: Period) -> Announcement | None:
        return self._read(f"announced/{period}.json", Announcement)

    def announce(self, snapshot: SnapshotRef, run: str) -> bool:
        """Whether ``run`` is to tell the other DAGs of the snapshot: not when another run told them of the same.

        The same run is told to tell them again: it may have been killed before it could.
        """
        with self.changing():
            known = self.announced(snapshot.period)
            if known and known.is_of(snapshot) and known.run != run:
                return False
            told = Announcement(name=snapshot.name, rewrites=snapshot.rewrites, run=run)
            self._write(f"announced/{snapshot.period}.json", told)
            return True

    # -- runs of several periods
    def catch_up(self, run: str) -> CatchUp:
        """What the run has published so far."""
        return self._read(_catch_up(run), CatchUp) or CatchUp(run=run)

    def untold(self, run: str) -> list[CatchUp]:
        """What other runs published and told nobody of: they failed, or were killed, before their end.

        Also what ``run`` told of in their place: it may have been killed before anybody heard.
        """
        others = (one for one in self._below("catch_up/", CatchUp).values() if one.run != run)
        return [one for one in others if not one.told or one.told_by == run]

    def keep_catch_up(self, done: CatchUp) -> None:
        self._write(_catch_up(done.run), done)

    # -- pins and ends
    def pin(self, turn: Turn) -> None:
        self._write(f"pins/{turn.name}.json", turn)

    def unpin(self, name: str) -> None:
        self._state.delete(f"{self._room}/pins/{name}.json")

    def pinned(self, name: str) -> Turn | None:
        return self._read(f"pins/{name}.json", Turn)

    def pins(self) -> list[Turn]:
        return list(self._below("pins/", Turn).values())

    def expiry(self, name: str) -> Expiry | None:
        return self._read(f"expired/{name}.json", Expiry)

    def all_expired(self) -> list[Expiry]:
        return list(self._below("expired/", Expiry).values())

    def expire(self, gone: Expiry) -> None:
        """The record first: a kill in between leaves a snapshot that expires again."""
        self._write(f"expired/{gone.name}.json", gone)
        self._state.delete(f"{self._room}/named/{gone.name}.json")

    # -- the calendar by which the periods were cut
    def calendar(self) -> Calendar | None:
        """None before the first publication, and for what was published before the calendar was recorded."""
        return self._read(CALENDAR, Calendar)

    def keep_calendar(self, calendar: Calendar) -> None:
        self._write(CALENDAR, calendar)

    # -- the index: what it does not hold, or holds with another stamp, is read from its own place
    def reindex(self) -> int:
        """Take into the index what it does not hold as it is; how many manifests these were."""
        index, stale = self._index(), defaultdict(list)
        stamps = self._stamps("") | self._stamps(NAMED)
        left = [place for place, stamp in stamps.items() if place not in index or index[place][0] != stamp]
        for place, snapshot in self._records(left, SnapshotRef, _leave_out).items():
            stale[snapshot.period.month].append(place)
        for month, places in stale.items():
            with self.changing():
                self._note(month, places)
        return sum(map(len, stale.values()))

    def _note(self, month: str, places: Iterable[str]) -> None:
        """Read these manifests into the index of their month; one that cannot be read, or is gone, leaves it."""
        entries = dict(self._index_of(month).entries)
        for place in places:
            entries.pop(place, None)
            stamp = self._state.stamp(f"{self._room}/{place}")
            with suppress(DamagedStateError):
                snapshot = self._read(place, SnapshotRef)
                if snapshot and stamp and stamp == self._state.stamp(f"{self._room}/{place}"):
                    entries[place] = (stamp, snapshot.model_dump_json())
        self._state.put(f"{self._room}/index/{month}.json", ManifestIndex(entries=entries).model_dump_json())

    def _index_of(self, month: str) -> ManifestIndex:
        """Empty where it is damaged: it says nothing that the manifests do not say."""
        try:
            return self._read(f"index/{month}.json", ManifestIndex) or ManifestIndex(entries={})
        except DamagedStateError as error:
            log.warning("%s; the manifests are read one by one", error)
            return ManifestIndex(entries={})

    def _index(self) -> dict[str, tuple[str, str]]:
        months = [place.removeprefix("index/").removesuffix(".json") for place in self._stamps("index/")]
        return {place: entry for month in months for place, entry in self._index_of(month).entries.items()}

    def _stamps(self, room: str) -> dict[str, str]:
        """Place → stamp of what lies in the room itself, sorted."""
        stamps = self._state.stamps(f"{self._room}/{room}".rstrip("/"))
        return {key.removeprefix(f"{self._room}/"): stamp for key, stamp in stamps.items()}

    def _manifests(
        self, rooms: Iterable[str], damaged: Callable[[DamagedStateError], None] = _raise
    ) -> dict[str, SnapshotRef]:
        index, stamps = self._index(), {place: stamp for room in rooms for place, stamp in self._stamps(room).items()}
        known = {p: _snapshot(index[p][1]) for p, stamp in stamps.items() if p in index and stamp == index[p][0]}
        rest = self._records([place for place in stamps if place not in known], SnapshotRef, damaged)
        return {place: found for place in stamps if (found := known.get(place) or rest.get(place))}

    # -- small state
    def _below(self, room: str, record: type[R]) -> dict[str, R]:
        """Place → record of what lies in the room itself, sorted; raises DamagedStateError."""
        return self._records(self._stamps(room), record, _raise)

    def _records(
        self, places: Iterable[str], record: type[R], damaged: Callable[[DamagedStateError], None]
    ) -> dict[str, R]:
        """One that goes away meanwhile is left out."""
        records: dict[str, R] = {}
        for place in places:
            try:
                if value := self._read(place, record):
                    records[place] = value
            except DamagedStateError as error:
                damaged(error)
        return records

    def _read(self, place: str, record: type[R]) -> R | None:
        value = self._state.get(f"{self._room}/{place}")
        return record.read_back(value.text, f"{self}/{place}") if value else None

    def _write(self, place: str, record: Record) -> None:
        self._state.put(f"{self._room}/{place}", record.model_dump_json(indent=1))
