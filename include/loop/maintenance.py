"""Keeps the files of the lake few: those of a month become one, and what nothing needs any more is deleted."""

from datetime import UTC, datetime, timedelta

from include.data import retention
from include.loop.data_versions import uses
from include.records.registry import RECORD_TABLES, STORAGE, TASK_COSTS
from include.services import storage_sizes
from include.services.composition import Services
from include.specification.usecase import UseCase

SPARED = timedelta(days=1)
"""A file stays so long after a newer version did without it: whoever began to read it before is done by then."""


def delete_files(spec: UseCase, services: Services) -> dict[str, int]:
    """Delete the files that neither a newest version nor a snapshot needs; how many by table.

    Raises ServiceError when MLflow, which knows what models were trained on, does not answer.
    """
    lake, snapshots = services.adapters.lake, services.records.snapshots(spec)
    used = uses(spec, services)
    with snapshots.nobody_publishing():
        deleted = retention.delete_files(spec, lake, snapshots, used, SPARED)
    records = [table for table in _tables(spec, services) if table in RECORD_TABLES]
    return _told("deleted", deleted | {table: lake.vacuum(spec.name, table, SPARED) for table in records})


def merge_files(spec: UseCase, services: Services) -> dict[str, int]:
    """Make one file of those of each month, in every table; how many files less by table.

    Raises DamagedFileError for a file that is damaged, ConflictError when others kept writing.
    """
    lake = services.adapters.lake
    return _told("merged", {table: lake.compact(spec.name, table) for table in _tables(spec, services)})


def record_costs(spec: UseCase, services: Services) -> dict[str, int]:
    """Take what tasks took to the lake, and measure what is stored; how many records of both.

    Repeated it keeps nothing twice that counts: a task's cost is told by its run, task and attempt.
    """
    lake, now, kept = services.adapters.lake, datetime.now(UTC), 0
    for file, costs in services.adapters.cost_spool(spec.name).settled(now):
        TASK_COSTS.append(spec.name, lake, costs)
        file.unlink()  # only now: a kill in between keeps a record twice, never none
        kept += len(costs)
    stored = storage_sizes.measured(spec, services.settings, now)
    STORAGE.append(spec.name, lake, stored)
    return {TASK_COSTS.name: kept, STORAGE.name: len(stored)}


def _tables(spec: UseCase, services: Services) -> list[str]:
    """Those whose versions nothing names beside manifests."""
    named = {table.name for table in RECORD_TABLES.values() if table.versions_named}
    return [table for table in services.adapters.lake.tables(spec.name) if table not in named]


def _told(what: str, files: dict[str, int]) -> dict[str, int]:
    counts = {table: count for table, count in files.items() if count}
    for table, count in counts.items():
        print(f"{table}: {count} files {what}")
    return counts
