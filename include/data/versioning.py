"""Snapshots: a month is published when its manifest is written, not before."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa

from include.contracts import Period, SnapshotRef, TableRef, write_atomically
from include.data import staging as stage
from include.errors import NotFoundError
from include.ports import FeatureStore, Lake
from include.usecase import UseCase


def publish(spec: UseCase, period: Period, staging: Path, lake: Lake, snapshots: Path) -> SnapshotRef:
    """Commit every staged table, then the manifest: the manifest is the commit point.

    A run killed in between leaves the previous manifest, which names the previous versions; repeating the
    month completes it. Equal data gives the same snapshot name.
    """
    staged = stage.get(staging, "processed") | stage.get(staging, "features")
    tables: dict[str, TableRef] = {}
    for name, rows in staged.items():
        tables[name] = lake.publish(spec.name, name, pa.Table.from_pandas(rows, preserve_index=False), period.key)
    contents = {name: ref.content_hash for name, ref in tables.items()}
    name = f"{period.key}-{_short_hash(contents)}"
    snapshot = SnapshotRef(usecase=spec.name, period=period.key, name=name, tables=tables)
    write_atomically(snapshots / f"{period.key}.json", json.dumps(snapshot.json_dict(), indent=1))
    return snapshot


def _short_hash(contents: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()[:12]


def snapshot(period: str, snapshots: Path) -> SnapshotRef:
    """The published snapshot of a month; NotFoundError when it is not published."""
    path = snapshots / f"{period}.json"
    if not path.is_file():
        known = [s.period for s in published(snapshots)]
        raise NotFoundError(f"{period} is not published; published are {known}: run the data pipeline for it")
    return SnapshotRef.model_validate_json(path.read_text())


def published(snapshots: Path) -> list[SnapshotRef]:
    """All published months, oldest first."""
    return [SnapshotRef.model_validate_json(p.read_text()) for p in sorted(snapshots.glob("????-??.json"))]


def read(snapshot: SnapshotRef, table: str, lake: Lake) -> pa.Table:
    """The rows of one table as the snapshot pinned them."""
    ref = snapshot.tables.get(table)
    if ref is None:
        raise NotFoundError(f"snapshot {snapshot.name} has no table {table!r}; it has {sorted(snapshot.tables)}")
    return lake.read(snapshot.usecase, table, [snapshot.period], ref.version).drop_columns(["period"])


def store_offline(spec: UseCase, snapshot: SnapshotRef, lake: Lake, feature_store: FeatureStore) -> None:
    """Put the snapshot's feature views into the offline store."""
    for view in spec.views:
        feature_store.write_offline(view, snapshot.period, read(snapshot, view, lake).to_pandas())


def materialize(spec: UseCase, period: Period, feature_store: FeatureStore) -> None:
    """Load the month's newest feature values into the online store."""
    feature_store.materialize(spec.views, period.start, period.shift(1).end)
