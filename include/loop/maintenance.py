"""Keeps the files of the lake few: those of a month become one, and what nothing needs any more is deleted."""

from datetime import timedelta

from include.data import retention
from include.loop.data_versions import uses
from include.records.registry import RECORD_TABLES
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


def _tables(spec: UseCase, services: Services) -> list[str]:
    """Those whose versions nothing names beside manifests."""
    named = {table.name for table in RECORD_TABLES.values() if table.versions_named}
    return [table for table in services.adapters.lake.tables(spec.name) if table not in named]


def _told(what: str, files: dict[str, int]) -> dict[str, int]:
    counts = {table: count for table, count in files.items() if count}
    for table, count in counts.items():
        print(f"{table}: {count} files {what}")
    return counts
