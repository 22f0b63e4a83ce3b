"""Clean the staged raw tables and build the features, with the use case's own Ibis expressions on DuckDB."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.common.exceptions import IbisError

from include.contracts.period import Period
from include.data import staging as stage
from include.data import versioning
from include.data.manifests import Snapshots
from include.errors import DataError, SpecError
from include.families.registry import label_codes
from include.formats.content import for_duckdb
from include.ports.lake import Lake
from include.specification import modules
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

log = logging.getLogger(__name__)


def build(
    spec: UseCase,
    period: Period,
    staging: Path,
    lake: Lake,
    snapshots: Snapshots | None = None,
    memory_limit: str = "4GB",
) -> dict[str, int]:
    """Raw tables of the staging directory → its processed tables and feature views; returns rows per table.

    Everything streams from file to file; what exceeds ``memory_limit`` spills into the staging directory.
    Windows look back into the periods of ``sources.<table>.history``: with ``snapshots`` at the
    versions that are published there, else at the lake's newest. A period without a predecessor is
    built without one, and says so in the log. Raises NotFoundError when nothing is staged, or the raw gate refused
    it; SpecError when ``features.py`` cannot be used; DataError when a label is none of the task.
    """
    with stage.writing(staging, stage.TABLES) as aside, _engine(staging / ".spill", memory_limit) as connection:
        raw = {t: _read(connection, stage.path(staging, stage.RAW, t)) for t in spec.sources}
        # written once: the feature views are built on these rows, not on the raw files again
        cleaned = _write(spec, connection, modules.tables(spec.name, "process", ["events"], raw), aside)
        check_labels(spec, period, aside / "events.parquet")
        earlier = {name: ibis.memtable(rows) for name, rows in _history(spec, period, lake, snapshots).items()}
        views = modules.tables(spec.name, "build", spec.feature_views, cleaned, period, earlier)
        if twice := sorted({name.casefold() for name in views} & {name.casefold() for name in cleaned}):
            raise SpecError(f"include/usecases/{spec.name}/features.py:1: process and build both return {twice}")
        _write(spec, connection, views, aside)
    return stage.counts(staging, stage.TABLES)


@contextmanager
def _engine(spill: Path, memory_limit: str) -> "Iterator[Backend]":
    """DuckDB in UTC, within its memory."""
    connection = ibis.duckdb.connect(memory_limit=memory_limit, temp_directory=str(spill))
    connection.raw_sql("SET TimeZone = 'UTC'")
    try:
        yield connection
    finally:
        connection.disconnect()
        shutil.rmtree(spill, ignore_errors=True)


def untranslated(rows: ibis.Table) -> str:
    """Why an expression cannot be asked of DuckDB, whatever the rows are; '' when it can."""
    try:
        ibis.duckdb.compile(rows)
    except IbisError as error:
        return _reason(error)
    return ""


def _reason(error: IbisError) -> str:
    words = next(iter(str(error).splitlines()), type(error).__name__)
    hint = "; take the parts of a time from <column>.cast('timestamp'), which is UTC" if "TIMESTAMPTZ" in words else ""
    return f"cannot be computed by DuckDB: {words}{hint}"


def _write(
    spec: UseCase, connection: "Backend", tables: dict[str, ibis.Table], directory: Path
) -> dict[str, ibis.Table]:
    """Evaluate each table into its file; the same tables, read from there."""
    for name, table in tables.items():
        try:
            connection.to_parquet(table, directory / f"{name}.parquet")
        except IbisError as error:
            raise SpecError(f"include/usecases/{spec.name}/features.py:1: {name} {_reason(error)}") from None
        except duckdb.DataError as error:  # its words hold a value
            raise DataError(
                f"{name} cannot be computed from the raw tables ({type(error).__name__}): features.py cannot "
                "process a value; add an expectation to the raw gate that refuses it"
            ) from None
    return {name: _read(connection, directory / f"{name}.parquet") for name in tables}


def _read(connection: "Backend", file: Path) -> ibis.Table:
    return connection.read_parquet(for_duckdb(file), hive_partitioning=False)


def check_labels(spec: UseCase, period: Period, events: Path) -> None:
    """Labels are checked before they are published: nothing that reads them casts them."""
    if spec.event.label and spec.event.label in pq.read_schema(events).names:
        column = pq.read_table(events, columns=[spec.event.label]).column(0)
        labels = column.to_pandas(integer_object_nulls=True).rename(spec.event.label).dropna()
        label_codes(spec, labels, f"events of {period}")


def _history(spec: UseCase, period: Period, lake: Lake, snapshots: Snapshots | None) -> dict[str, pa.Table]:
    earlier: dict[str, pa.Table] = {}
    for table, source in spec.sources.items():
        before = spec.calendar.before(source.history, period)
        parts = [_earlier(spec, one, table, lake, snapshots) for one in before]
        if rows := [part for part in parts if part is not None]:
            earlier[table] = pa.concat_tables(rows)
    return earlier


def _earlier(spec: UseCase, period: Period, table: str, lake: Lake, snapshots: Snapshots | None) -> pa.Table | None:
    if snapshots is not None and (published := snapshots.current(period)):
        return versioning.read(published, table, lake)
    if snapshots is None and period in lake.periods(spec.name, table):
        return lake.read(spec.name, table, [period]).drop_columns(["period"])
    if period >= spec.periods.first:
        log.warning("%s: %s is not published; features are built without its %s", spec.name, period, table)
    return None
