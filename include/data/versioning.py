"""Snapshots: the immutable, named versions of a published period.

Tables are committed one by one; the manifest that pins their versions is written last and in one
step, so it is the commit point. A run killed anywhere before it leaves the previous snapshot current.

``snapshots`` are the use case's own manifests; ``include/data/manifests.py`` says what is in them.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.contracts.period import Period, periods_text
from include.contracts.tables import PERIOD, RowFilter, SnapshotRef, TableRef
from include.data import staging as stage
from include.data.manifests import Snapshots, Turn
from include.errors import DamagedFileError, NotFoundError, SpecError
from include.ports.features import FeatureStore
from include.ports.lake import Lake
from include.specification.usecase import UseCase

SHOWN = 24
"""Names of snapshots that a message lists."""
KNOWN_AFTERWARDS = timedelta(days=1)
"""The features of a period may be of times so long after it: when its last rows became known."""


def publish(
    spec: UseCase, period: Period, staging: Path, lake: Lake, snapshots: Snapshots, at: datetime | None = None
) -> SnapshotRef:
    """Publish the staged tables of a period as one snapshot; the same content gives the same snapshot.

    ``at`` is when (default now), from which retention counts. Raises SpecError when the calendar is another one,
    NotFoundError when nothing is staged, GateRefusedError when the features gate did not pass what is staged,
    ConflictError when another writer kept winning.
    """
    stage.require_passed(staging)
    files = {table: stage.path(staging, stage.TABLES, table) for table in stage.names(staging, stage.TABLES)}
    require_calendar(spec, snapshots)
    with snapshots.publishing():
        tables = {table: lake.publish(spec.name, table, file, period) for table, file in files.items()}
        snapshot = SnapshotRef(usecase=spec.name, period=period, name=_name(period, tables), tables=tables)
        if snapshots.calendar() != spec.calendar:
            snapshots.keep_calendar(spec.calendar)
        return _commit(snapshot, lake, snapshots, Turn.of(snapshot.name, at or datetime.now(UTC), "", "published"))


def require_calendar(spec: UseCase, snapshots: Snapshots) -> None:
    """Raises SpecError when the published periods are those of another calendar than the spec's."""
    if (known := snapshots.calendar()) == spec.calendar:
        return
    newest = snapshots.newest()
    if newest and (known or newest.period.every != spec.calendar.every):
        was = f"{known.every}s of {known.timezone}" if known else f"{newest.period.every}s"
        raise SpecError(
            f"{spec.name}: the published periods are {was}, and usecase.yaml now says {spec.calendar.every}s of "
            f"{spec.calendar.timezone}: a row would be in two of them, or in none. Put periods.every and "
            "periods.timezone back; or give the use case another name and publish its periods under the new calendar"
        )


def _name(period: Period, tables: dict[str, TableRef]) -> str:
    content = json.dumps({name: ref.content_hash for name, ref in tables.items()}, sort_keys=True)
    return f"{period}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _commit(snapshot: SnapshotRef, lake: Lake, snapshots: Snapshots, turn: Turn) -> SnapshotRef:
    with snapshots.changing():
        known = snapshots.named(snapshot.name)
        if known and (known == snapshot or _whole(known, lake)):
            snapshot = known  # the same content again: the name stands for what it stood for
        else:
            snapshots.keep(snapshot)
        snapshots.make_current(snapshot, turn)
    return snapshot


def _whole(snapshot: SnapshotRef, lake: Lake) -> bool:
    try:
        require_whole(snapshot, lake)
        for ref in snapshot.tables.values():
            with suppress(NotFoundError):  # merged files may stand in for its own
                lake.files(snapshot.usecase, ref.table, [snapshot.period], ref.version)
    except (DamagedFileError, NotFoundError) as error:
        print(f"snapshot {snapshot.name} names the files that were just written instead: {error}")
        return False
    return True


def require_whole(snapshot: SnapshotRef, lake: Lake) -> None:
    """Read every file that the snapshot pins; raises DamagedFileError for one that the disk holds otherwise."""
    for ref in snapshot.tables.values():
        lake.pinned(snapshot.usecase, ref.table, {snapshot.period: ref}, again=True)


def restore(
    name: str, lake: Lake, snapshots: Snapshots, *, by: str, why: str, at: datetime | None = None
) -> SnapshotRef:
    """Make an earlier snapshot the current one of its period again, in one step.

    The lake's newest version stays what it is; readers go by the manifest. Doing it twice changes nothing.
    Raises NotFoundError when there is no such snapshot (any more), DamagedFileError when a file is not what it pins.
    """
    with snapshots.changing():
        snapshot = named(name, snapshots)
        require_whole(snapshot, lake)
        snapshots.make_current(snapshot, Turn.of(name, at or datetime.now(UTC), by, why))
    return snapshot


def snapshot(period: Period, snapshots: Snapshots) -> SnapshotRef:
    """The current snapshot of a period; raises NotFoundError when it was never published."""
    if (current := snapshots.current(period)) is None:
        known = [one.period for one in snapshots.published()]
        raise NotFoundError(
            f"{period} is not published; published are {periods_text(known)}: run the data pipeline for it"
        )
    return current


def require_published(periods: Iterable[Period], snapshots: Snapshots) -> None:
    """Raise NotFoundError unless all are published: asked before anything is written about the first."""
    for period in periods:
        snapshot(period, snapshots)


def named(name: str, snapshots: Snapshots) -> SnapshotRef:
    """One snapshot by its name, current or not; raises NotFoundError, which says when and why it expired."""
    if snapshot := snapshots.named(name):
        return snapshot
    if expiry := snapshots.expiry(name):
        raise NotFoundError(
            f"snapshot {name} expired on {expiry.at.isoformat()} ({expiry.why}); publish its content again, or choose "
            f"one of {[one.name for one in snapshots.all_named() if one.period == expiry.period]}"
        )
    raise NotFoundError(
        f"there is no snapshot {name!r} in {snapshots}; there are {_newest_of([s.name for s in snapshots.all_named()])}"
    )


def _newest_of(names: list[str]) -> str:
    """The newest of many."""
    return str(names) if len(names) <= SHOWN else f"{len(names)}, the newest {names[-SHOWN:]}"


def latest(snapshots: Snapshots) -> SnapshotRef:
    """The current snapshot of the newest published period; raises NotFoundError when there is none."""
    if (newest := snapshots.newest()) is None:
        raise NotFoundError(f"nothing is published in {snapshots}; run the data pipeline")
    return newest


def read(snapshot: SnapshotRef, table: str, lake: Lake) -> pa.Table:
    """Rows of one table of a snapshot, at the version it pins, without the ``period`` column.

    Raises NotFoundError without the table, DamagedFileError when its files are not what the snapshot pins.
    """
    return read_all([snapshot], table, lake).drop_columns([PERIOD])


def read_all(snapshots: Sequence[SnapshotRef], table: str, lake: Lake, **equal: Any) -> pa.Table:
    """The same rows of several snapshots of one use case, each of another period, with the ``period`` column.

    ``equal``: only those with these values, as ``RowFilter`` has them.

    The table is opened once, however many they are. Errors as ``read``.
    """
    for snapshot in snapshots:
        _require_table(snapshot, table)
    refs = {one.period: one.tables[table] for one in snapshots}
    return lake.read_pinned(snapshots[0].usecase, table, refs, RowFilter(equal=equal))


def _require_table(snapshot: SnapshotRef, table: str) -> None:
    if table not in snapshot.tables:
        raise NotFoundError(f"snapshot {snapshot.name} has no table {table!r}; it has {sorted(snapshot.tables)}")


def materialize(spec: UseCase, period: Period, feature_store: FeatureStore, last: Period | None = None) -> None:
    """Load the newest values of the period, or from it to ``last``, into the online store.

    It never puts an older value over a newer one.
    """
    window = spec.calendar.window(period, last)
    feature_store.materialize(spec.views, window.start - KNOWN_AFTERWARDS, window.end + KNOWN_AFTERWARDS)
