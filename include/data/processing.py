"""Clean the staged raw tables and build the features, with the use case's own Ibis expressions on DuckDB."""

import logging
from importlib import import_module
from pathlib import Path

import pyarrow as pa

from include.contracts import Period
from include.data import staging as stage
from include.data import versioning
from include.ports import Lake
from include.usecase import UseCase

log = logging.getLogger(__name__)


def build(spec: UseCase, period: Period, staging: Path, lake: Lake, snapshots: Path | None = None) -> dict[str, int]:
    """Raw tables of the staging directory → its processed tables and feature views; returns rows per table.

    Windows look back into earlier periods (``sources.<table>.history``): with ``snapshots`` at the
    versions that are published there, else at the lake's newest. A period without a predecessor is
    built without one, and says so in the log.

    Raises
    ------
    NotFoundError
        nothing is staged, or the raw gate refused it.
    """
    import ibis

    features = import_module(f"include.usecases.{spec.name}.features")
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    raw = {t: connection.read_parquet(stage.path(staging, stage.RAW, t)) for t in spec.sources}
    cleaned = features.process(raw)
    # computed once: the feature views are built on these rows, not on the raw files again
    kept = {name: connection.create_table(name, table) for name, table in cleaned.items()}
    earlier = _history(spec, period, lake, snapshots)
    past = {name: ibis.memtable(rows) for name, rows in earlier.items()}
    views = features.build(kept, period, past)
    rows = {name: table.to_pyarrow() for name, table in (kept | views).items()}
    return stage.replace(staging, stage.TABLES, rows)


def _history(spec: UseCase, period: Period, lake: Lake, snapshots: Path | None) -> dict[str, pa.Table]:
    wanted = {table: source.history for table, source in spec.sources.items() if source.history}
    found: dict[str, pa.Table] = {}
    for table, months in wanted.items():
        parts = [_earlier(spec, period.shift(-back), table, lake, snapshots) for back in range(months, 0, -1)]
        if rows := [part for part in parts if part is not None]:
            found[table] = pa.concat_tables(rows)
    return found


def _earlier(spec: UseCase, period: Period, table: str, lake: Lake, snapshots: Path | None) -> pa.Table | None:
    if snapshots is not None and (published := versioning.find(period.key, snapshots)):
        return versioning.read(published, table, lake)
    if snapshots is None and period.key in lake.periods(spec.name, table):
        return lake.read(spec.name, table, [period.key]).drop_columns(["period"])
    if period.key >= spec.periods.first:
        log.warning("%s: %s is not published; features are built without its %s", spec.name, period.key, table)
    return None
