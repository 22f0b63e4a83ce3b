"""The data lake: Delta tables by deltalake, partitioned by month, read through DuckDB."""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from include.contracts import TableRef
from include.errors import ConflictError, NotFoundError

PERIOD = "period"
ATTEMPTS = 8
SELECT = """
SELECT * FROM read_parquet(?, hive_partitioning = true, union_by_name = true, hive_types = {'period': VARCHAR})
"""


class DeltaLake:
    """Tables at ``<root>/<usecase>/<table>``; every commit is all or nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def publish(self, usecase: str, table: str, rows: pa.Table, period: str) -> TableRef:
        """Replace the rows of one month in one commit; equal rows make no new version.

        Raises
        ------
        ConflictError
            other writers won every attempt; the step may be retried.
        """
        content = content_hash(rows)
        current = self._current(usecase, table, period)
        if current and current[1] == content:
            return TableRef(table=table, version=current[0], rows=rows.num_rows, content_hash=content)
        stamped = rows.append_column(PERIOD, pa.array([period] * rows.num_rows, pa.string()))
        predicate = f"{PERIOD} = '{period}'"
        options = {"mode": "overwrite", "predicate": predicate} if self.exists(usecase, table) else {"mode": "append"}
        properties = {"moebius_period": period, "moebius_content": content}
        version = self._commit(usecase, table, stamped, properties, options)
        return TableRef(table=table, version=version, rows=rows.num_rows, content_hash=content)

    def append(self, usecase: str, table: str, rows: pa.Table) -> None:
        """Add rows that carry their own ``period`` column."""
        self._commit(usecase, table, rows, {}, {"mode": "append"})

    def exists(self, usecase: str, table: str) -> bool:
        return DeltaTable.is_deltatable(str(self._path(usecase, table)))

    def version(self, usecase: str, table: str) -> int:
        return self._open(usecase, table).version()

    def periods(self, usecase: str, table: str) -> list[str]:
        """Months that the table has rows for, sorted; [] without the table."""
        if not self.exists(usecase, table):
            return []
        return sorted({partition[PERIOD] for partition in self._open(usecase, table).partitions()})

    def read(
        self, usecase: str, table: str, periods: Sequence[str] | None = None, version: int | None = None
    ) -> pa.Table:
        """Rows of the table at a version (the newest, if None), all months or those named.

        Raises
        ------
        NotFoundError
            no such table or version.
        """
        opened = self._open(usecase, table, version)
        filters = None if periods is None else [(PERIOD, "in", list(periods))]
        files = opened.file_uris(file_pruning_predicate=filters)
        if not files:
            return pa.schema(opened.schema().to_arrow()).empty_table()
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.sql(SELECT, params=[files]).to_arrow_table()

    def _current(self, usecase: str, table: str, period: str) -> tuple[int, str] | None:
        """Version and content hash of the newest commit of the month."""
        if not self.exists(usecase, table):
            return None
        for commit in self._open(usecase, table).history():
            if commit.get("moebius_period") == period:
                return commit["version"], commit["moebius_content"]
        return None

    def _commit(self, usecase: str, table: str, rows: pa.Table, properties: dict, options: dict) -> int:
        path = self._path(usecase, table)
        path.parent.mkdir(parents=True, exist_ok=True)

        def write() -> int:
            write_deltalake(
                str(path),
                rows,
                partition_by=[PERIOD],
                commit_properties=CommitProperties(custom_metadata=properties),
                schema_mode="merge" if options["mode"] == "append" else None,
                **options,
            )
            return DeltaTable(str(path)).version()

        return _retried(write, f"{usecase}.{table}")

    def _open(self, usecase: str, table: str, version: int | None = None) -> DeltaTable:
        path = self._path(usecase, table)
        try:
            return DeltaTable(str(path), version=version)
        except TableNotFoundError as error:
            raise NotFoundError(f"table {usecase}.{table} does not exist at {path}: publish a month first") from error
        except Exception as error:  # deltalake raises a bare DeltaError for a version that is not there
            if version is None:
                raise
            raise NotFoundError(f"table {usecase}.{table} has no version {version}: {error}") from error

    def _path(self, usecase: str, table: str) -> Path:
        return self.root / usecase / table


def content_hash(rows: pa.Table) -> str:
    """SHA-256 over the sorted rows: the same rows in any order give the same hash."""
    keys = [(name, "ascending") for name in rows.column_names]
    ordered = rows.take(pc.sort_indices(rows, sort_keys=keys)).combine_chunks()
    digest = hashlib.sha256(str(ordered.schema.remove_metadata()).encode())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ordered.schema.remove_metadata()) as writer:
        writer.write_table(ordered)
    digest.update(sink.getvalue())
    return digest.hexdigest()


def _retried(write: Callable[[], int], name: str) -> int:
    """Same-month writers conflict in Delta: the loser writes again on top of the winner."""
    for attempt in range(ATTEMPTS):
        try:
            return write()
        except CommitFailedError as error:
            if attempt == ATTEMPTS - 1:
                raise ConflictError(f"{name}: other writers won {ATTEMPTS} times in a row; run the step again") from error
            time.sleep(0.05 * 2**attempt)
    raise AssertionError("unreachable")
