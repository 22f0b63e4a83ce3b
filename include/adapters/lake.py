"""The data lake: Delta tables ``<root>/<usecase>/<table>``, partitioned by ``period`` (fulfils ports.Lake)."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from include.contracts import TableRef
from include.errors import ConflictError, NotFoundError

log = logging.getLogger(__name__)

ATTEMPTS = 8
PERIOD = "period"
READ = "SELECT * FROM read_parquet(?, hive_partitioning = true, hive_types_autocast = 0, union_by_name = true)"
T = TypeVar("T")


def content_hash(rows: pa.Table) -> str:
    """SHA-256 of the rows, whatever their order: column names, types and the sorted hashes of the rows.

    ``period`` is left out: it is where the rows are, not what they say. So is a column without any
    value: a period that was published before a column existed keeps its hash.
    """
    names = sorted(n for n in rows.column_names if n != PERIOD and rows[n].null_count < rows.num_rows)
    header = ";".join([str(rows.num_rows), *(f"{name}:{rows.schema.field(name).type}" for name in names)])
    digest = hashlib.sha256(header.encode())
    if names:
        per_row = pd.util.hash_pandas_object(rows.select(names).to_pandas(), index=False).to_numpy()
        digest.update(np.sort(per_row).tobytes())
    return digest.hexdigest()


class DeltaLake:
    """Delta Lake in a directory; needs no server and no catalog."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, usecase: str, table: str, rows: pa.Table, period: str) -> TableRef:
        """Replace the rows of one period in one commit; rows that are there already are not written again.

        Raises
        ------
        ConflictError
            other writers of the same period won every attempt.
        """
        rows = _canonical(rows)
        digest = content_hash(rows)

        def attempt() -> TableRef:
            delta = self._create(usecase, table, rows)
            if digest != self._published_hash(delta, period):
                _overwrite(delta, rows, period, digest)
            return TableRef(table=table, version=delta.version(), rows=rows.num_rows, content_hash=digest)

        return _until_it_wins(attempt, f"{usecase}.{table} period {period}")

    def append(self, usecase: str, table: str, rows: pa.Table) -> None:
        """Add rows, which carry their own ``period`` column; raises ConflictError."""
        rows = _canonical(rows, keep_period=True)

        def attempt() -> None:
            delta = self._create(usecase, table, rows)
            write_deltalake(delta, rows, mode="append", schema_mode="merge")

        _until_it_wins(attempt, f"{usecase}.{table}")

    def exists(self, usecase: str, table: str) -> bool:
        return DeltaTable.is_deltatable(str(self._path(usecase, table)))

    def read(
        self, usecase: str, table: str, periods: Sequence[str] | None = None, version: int | None = None
    ) -> pa.Table:
        """Rows with their ``period`` column; timestamps in UTC.

        Raises
        ------
        NotFoundError
            there is no such table, or not this version of it.
        """
        return _rows(self._open(usecase, table, version), periods)

    def periods(self, usecase: str, table: str) -> list[str]:
        """Periods that the table has rows for, sorted; [] without the table."""
        if not self.exists(usecase, table):
            return []
        return sorted(partition[PERIOD] for partition in self._open(usecase, table).partitions())

    def version(self, usecase: str, table: str) -> int:
        return self._open(usecase, table).version()

    def _path(self, usecase: str, table: str) -> Path:
        return self._root / usecase / table

    def _open(self, usecase: str, table: str, version: int | None = None) -> DeltaTable:
        path = self._path(usecase, table)
        try:
            return DeltaTable(str(path), version=version)
        except TableNotFoundError as error:
            raise NotFoundError(f"the lake has no table {usecase}.{table} ({path}); publish it first") from error
        except Exception as error:
            if version is None or not self.exists(usecase, table):
                raise
            newest = DeltaTable(str(path)).version()
            raise NotFoundError(f"{usecase}.{table} has no version {version}; the newest is {newest}") from error

    def _create(self, usecase: str, table: str, rows: pa.Table) -> DeltaTable:
        if self.exists(usecase, table):
            return self._open(usecase, table)
        path = self._path(usecase, table)
        path.mkdir(parents=True, exist_ok=True)
        schema = rows.schema if PERIOD in rows.column_names else rows.schema.append(pa.field(PERIOD, pa.string()))
        return DeltaTable.create(str(path), schema=schema, mode="ignore", partition_by=[PERIOD])

    def _published_hash(self, delta: DeltaTable, period: str) -> str | None:
        if {PERIOD: period} not in delta.partitions():
            return None
        return content_hash(_rows(delta, [period]))


def _until_it_wins(attempt: Callable[[], T], what: str) -> T:
    """Repeat a whole read-modify-write while other writers win; raises ConflictError when they always do."""
    last: Exception | None = None
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except CommitFailedError as error:
            log.info("%s: another writer won attempt %d of %d", what, number, ATTEMPTS)
            last = error
    raise ConflictError(f"{what}: other writers won {ATTEMPTS} times; run the step again when they are done") from last


def _overwrite(delta: DeltaTable, rows: pa.Table, period: str, digest: str) -> None:
    column = pa.array([period] * rows.num_rows, pa.string())
    write_deltalake(
        delta,
        rows.append_column(PERIOD, column),
        mode="overwrite",
        predicate=f"{PERIOD} = '{period}'",
        schema_mode="merge",
        commit_properties=CommitProperties(custom_metadata={"period": period, "content_hash": digest}),
    )


def _canonical(rows: pa.Table, keep_period: bool = False) -> pa.Table:
    """The types that Delta stores, so that what is hashed is what is read back."""
    fields = [pa.field(f.name, _stored(f.type)) for f in rows.schema if keep_period or f.name != PERIOD]
    return rows.select([f.name for f in fields]).cast(pa.schema(fields))


def _stored(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_dictionary(kind):
        return _stored(kind.value_type)
    return kind


def _rows(delta: DeltaTable, periods: Sequence[str] | None) -> pa.Table:
    schema = pa.schema(delta.schema().to_arrow())
    schema = pa.schema([pa.field(f.name, _stored(f.type)) for f in schema])
    filters: list[tuple[str, str, Any]] | None = None if periods is None else [(PERIOD, "in", list(periods))]
    files = [] if periods is not None and not periods else delta.file_uris(file_pruning_predicate=filters)
    if not files:
        return schema.empty_table()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.sql(READ, params=[files]).to_arrow_table()
    for field in schema:
        if field.name not in found.column_names:  # a column that came after these files were written
            found = found.append_column(field, pa.nulls(found.num_rows, field.type))
    return found.select(schema.names).cast(schema)
