"""Which snapshots there are, who keeps them, and the end of those that nobody does."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.contracts.record import Moment, Record
from include.contracts.tables import SnapshotRef, TableRef
from include.data import versioning
from include.data.manifests import Expiry, Snapshots, Turn
from include.errors import NotFoundError
from include.ports.lake import Lake
from include.specification.usecase import UseCase

Uses = Mapping[str, DatasetRef]
"""Who was built on snapshots (``model 3``, ``release r0001``, ``dataset 2013-03-…``) and its dataset."""

BEFORE = datetime.min.replace(tzinfo=UTC)  # sorts what was published before there was a log


class SnapshotFacts(Record):
    """What is known of one snapshot.

    ``superseded_at`` is when another one took its place, from which retention counts; ``expires_at`` is when
    it may go, None while something keeps it.
    """

    name: str
    period: Period
    published_at: Moment | None
    rows: dict[str, int]
    current: bool
    superseded_at: Moment | None
    pin: Turn | None
    used_by: list[str]
    expires_at: Moment | None


class Expiration(Record):
    """What an expiration did: the snapshots that went, and the files deleted per table."""

    expired: list[str]
    kept: int
    files: dict[str, int]


def overview(spec: UseCase, snapshots: Snapshots, uses: Uses, periods: Collection[Period] = ()) -> list[SnapshotFacts]:
    """Every snapshot that has not expired (of these periods, if any is named), by period, oldest first."""
    users, pins, wanted = _users(uses), {pin.name: pin for pin in snapshots.pins()}, set(periods)
    every = snapshots.manifests()
    named = {place: one for place, one in every.items() if snapshots.is_named(place)}
    current = {one.name for place, one in every.items() if place not in named}
    turns = cache(snapshots.turns)
    facts = [
        _facts(spec, one, turns(one.period), one.name in current, pins.get(one.name), users[one.name])
        for one in named.values()
        if not wanted or one.period in wanted
    ]
    return sorted(facts, key=lambda f: (f.period, f.published_at or BEFORE, f.name))


def pin(name: str, snapshots: Snapshots, *, by: str, why: str, at: datetime) -> Turn:
    """Keep a snapshot from expiring; pinning again replaces the reason. Raises NotFoundError."""
    with snapshots.changing():
        made = Turn.of(versioning.named(name, snapshots).name, at, by, why)
        snapshots.pin(made)
    return made


def unpin(name: str, snapshots: Snapshots) -> Turn:
    """Take the pin off; returns it. Raises NotFoundError for a snapshot that is none or not pinned."""
    with snapshots.changing():
        versioning.named(name, snapshots)
        if (was := snapshots.pinned(name)) is None:
            pins = [pin.name for pin in snapshots.pins()]
            raise NotFoundError(f"snapshot {name} is not pinned; pinned are {pins}")
        snapshots.unpin(name)
    return was


def expire(
    spec: UseCase, lake: Lake, snapshots: Snapshots, uses: Uses, *, as_of: datetime, by: str, why: str
) -> Expiration:
    """End the snapshots whose retention is over and delete the files that nothing needs any more.

    Current and pinned snapshots stay, and those that ``uses`` were built on. Safe to repeat after a kill.
    """
    with snapshots.nobody_publishing():
        facts = overview(spec, snapshots, uses)
        over = [f.name for f in facts if f.expires_at and f.expires_at <= as_of]
        for name in over:
            snapshot = versioning.named(name, snapshots)
            turn = Turn.of(name, as_of, by, why or f"superseded more than {spec.retention.snapshots} before")
            snapshots.expire(Expiry(**turn.model_dump(), period=snapshot.period, snapshot=snapshot))
        files = delete_files(spec, lake, snapshots, uses)
    return Expiration(expired=over, kept=len(facts) - len(over), files=files)


def _facts(
    spec: UseCase, snapshot: SnapshotRef, turns: Sequence[Turn], serves: bool, pinned: Turn | None, users: list[str]
) -> SnapshotFacts:
    mine = [turn.at for turn in turns if turn.name == snapshot.name]
    since = None if serves else superseded(snapshot.name, turns)
    kept = serves or pinned or users or since is None
    return SnapshotFacts(
        name=snapshot.name,
        period=snapshot.period,
        published_at=min(mine, default=None),
        rows={table: ref.rows for table, ref in snapshot.tables.items()},
        current=serves,
        superseded_at=since,
        pin=pinned,
        used_by=users,
        expires_at=None if kept or since is None else spec.retention.snapshots.after(since),
    )


def superseded(name: str, turns: Sequence[Turn]) -> datetime | None:
    """When another snapshot took the place of ``name`` for the last time; None while its turn lasts."""
    last = max((i for i, turn in enumerate(turns) if turn.name == name), default=-1)
    after = turns[last + 1 :]
    return after[0].at if after else None


def _users(uses: Uses) -> defaultdict[str, list[str]]:
    users: defaultdict[str, list[str]] = defaultdict(list)
    for who, dataset in uses.items():
        for name in sorted({*dataset.snapshots.values(), *(s.name for s in dataset.reads)}):
            users[name].append(who)
    return users


def delete_files(
    spec: UseCase, lake: Lake, snapshots: Snapshots, uses: Uses, spare: timedelta = timedelta()
) -> dict[str, int]:
    """Delete the files of published tables that nothing needs, nor did within ``spare``; nobody may be publishing."""
    kept = [*snapshots.all_named(), *snapshots.published()]
    kept += [snapshot for dataset in uses.values() for snapshot in dataset.reads]
    needed = _needed(kept)
    deleted = {}
    for table in sorted({*needed, *_needed(e.snapshot for e in snapshots.all_expired())}):
        if lake.exists(spec.name, table):
            newest = lake.version(spec.name, table)  # a model may outlive its lake; what is not there cannot be kept
            deleted[table] = lake.prune(
                spec.name, table, [one for one in needed[table] if one[1].version <= newest], spare
            )
    return deleted


def _needed(snapshots: Iterable[SnapshotRef]) -> defaultdict[str, set[tuple[Period, TableRef]]]:
    """What is pinned, by table."""
    needed: defaultdict[str, set[tuple[Period, TableRef]]] = defaultdict(set)
    for snapshot in snapshots:
        for table, ref in snapshot.tables.items():
            needed[table].add((snapshot.period, ref))
    return needed
