"""The data lake: Delta tables ``<root>/<usecase>/<table>``, partitioned by ``period`` (fulfils ports.Lake).

We write the Parquet files and Delta commits them, because a file's name carries its hash: what is read is proved first.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from include.adapters.lake import commits
from include.adapters.lake import rows as rows_of
from include.adapters.lake.table import Table, create
from include.contracts.period import Period
from include.contracts.tables import PERIOD, RowFilter, TableCommit, TableRef, TableState
from include.errors import DamagedFileError, DataError, NotFoundError
from include.formats import delta_log, proved_parquet
from include.formats.stored_types import fitted, merged, stored_schema, with_period

# Delta's default drops log entries after 30 days, and with them every older version that a snapshot pins.
# The log keeps no column's smallest and largest value either: it outlives the files, and so would a subject's data.
LOG = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.dataSkippingNumIndexedCols": "0",
}
T = TypeVar("T")


class DeltaLake:
    """Delta Lake in a directory; needs no server and no catalog."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, usecase: str, table: str, rows: pa.Table | Path, period: Period) -> TableRef:
        """Replace the rows of one period in one commit; a Parquet file is streamed: memory does not grow with it.

        A column keeps its type, or becomes as wide as the wider values of its kind (int32 and int64, nothing and any).

        Raises
        ------
        NotFoundError
            there is no such file.
        DataError
            it is no Parquet; a column is of another kind than in the table, or of one that Delta does not store; a
            value does not fit; two names differ by case only.
        ConflictError
            other writers of the same period won every attempt.
        """
        source = commits.GivenRows(rows, f"{usecase}.{table} period {period}")
        source.require_names(period)

        def attempt() -> TableRef:
            before = self.schema(usecase, table) if self.exists(usecase, table) else with_period(source.schema)
            stored = merged(before, source.schema, source.what, source.empty)
            columns = source.typed(stored)
            digest, there = source.content_hash(columns), self._create(usecase, table, stored)
            version = there.version
            if (source.rows, digest) != there.published(period):
                facts = {PERIOD: period, "content_hash": digest}
                version = commits.replace(there, {period: source.batches(columns)}, columns, stored, facts)
            return TableRef(table=table, version=version, rows=source.rows, content_hash=digest)

        return self._committed(usecase, table, attempt, source.what)

    def append(self, usecase: str, table: str, rows: pa.Table) -> None:
        """Add rows, which carry their own ``period`` column; raises ConflictError, and DataError as ``publish``."""
        what = f"{usecase}.{table}"
        rows = fitted(rows, stored_schema(rows.schema, what), what)

        def attempt() -> None:
            commits.append(self._create(usecase, table, rows.schema), rows)

        self._committed(usecase, table, attempt, what)

    def delete(self, usecase: str, table: str, predicate: str) -> int:
        """Delete the rows that meet an SQL predicate, as a new version; returns their number.

        Earlier versions still hold them until ``vacuum``. Raises NotFoundError, ConflictError, and
        DataError for a predicate that the table cannot evaluate.
        """

        def attempt() -> int:
            there = self._open(usecase, table)
            left, before, schema = rows_of.left(there, predicate), there.counts(), there.schema
            if left:
                commits.replace(there, {p: rows.to_batches() for p, rows in left.items()}, schema, schema, {})
            return sum(before[period] - rows.num_rows for period, rows in left.items())

        try:
            return self._committed(usecase, table, attempt, f"{usecase}.{table}")
        except (duckdb.ProgrammingError, duckdb.DataError) as error:
            names = self.schema(usecase, table).names
            raise DataError(f"{usecase}.{table}: the predicate cannot be evaluated; its columns are {names}") from error

    def vacuum(self, usecase: str, table: str) -> int:
        """Delete the files that the newest version does not need; returns their number.

        What no commit ever named stays: somebody may be writing it. Raises NotFoundError.
        """
        return _deleted(self._open(usecase, table).unneeded())

    def prune(self, usecase: str, table: str, keep: Iterable[tuple[int, Period]]) -> int:
        """Delete the files that neither the newest version nor a kept (version, period) needs; returns their number.

        Files that no commit ever named (of killed writers) go too, so nobody else may write meanwhile.
        Raises NotFoundError without the table or a version.
        """
        needed = {Path(file).name for file in self.stored(usecase, table, keep)}
        unneeded = self._open(usecase, table).unneeded(of_nobody=True)
        return _deleted(file for file in unneeded if file.name not in needed)

    def exists(self, usecase: str, table: str) -> bool:
        return delta_log.exists(self._path(usecase, table))

    def tables(self, usecase: str) -> list[str]:
        """Names of the tables, sorted; [] for a use case without any. One that is just being made is none yet."""
        return [name for path in sorted((self._root / usecase).glob("*")) if self.exists(usecase, name := path.name)]

    def read(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> pa.Table:
        """Rows with their ``period`` column; timestamps in UTC.

        Raises NotFoundError without the table or version, DamagedFileError for a file that is not what was written.
        """
        wanted = RowFilter(periods=periods)
        if version is not None:
            return rows_of.read(self._open(usecase, table, version), wanted)
        return self._newest(usecase, table, lambda there: rows_of.read(there, wanted))

    def select(self, usecase: str, table: str, wanted: RowFilter) -> pa.Table:
        """Rows of the newest version that meet the filter, in its order; raises NotFoundError without the table.

        For the ``newest`` rows the columns of the order are read of every file, the others of theirs alone.
        """
        return self._newest(usecase, table, lambda there: rows_of.read(there, wanted))

    def files(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> list[str]:
        """Parquet files of these periods (None: of all) at a version (None: the newest), for DuckDB to read.

        ``period`` is a directory of their paths (Hive partitioning), not a column in them; a file that is older
        than a column lacks it (``union_by_name``). Errors as ``read``.
        """
        if version is not None:
            return self._open(usecase, table, version).files(periods)
        return self._newest(usecase, table, lambda there: there.files(periods))

    def pinned(self, usecase: str, period: Period, ref: TableRef, *, again: bool = False) -> list[str]:
        """The files of what a snapshot pins of a period; their bytes, and that they hold its rows, are proved.

        ``again``: whatever this process proved before. Raises NotFoundError without the table or version, or when its
        files were vacuumed; DamagedFileError for other files, and for lost ones that the newest version needs too.
        """
        there = self._open(usecase, ref.table, ref.version)
        if not all(Path(file).exists() for file in there.listed([period])):
            self._open(usecase, ref.table).require_all()
        files = there.files([period])
        for file in files if again else ():
            proved_parquet.prove(file, again=True)
        proved_parquet.prove_content(files, ref, period, f"{usecase}.{ref.table} period {period}")
        return files

    def stored(self, usecase: str, table: str, keep: Iterable[tuple[int, Period]] = ()) -> list[str]:
        """Every file that the newest version or a (version, period) of these names; none is read. NotFoundError."""
        periods = _by_version(keep)
        versions = [self._open(usecase, table, version).listed(sorted(of)) for version, of in periods.items()]
        return sorted({file for files in [self._open(usecase, table).listed(), *versions] for file in files})

    def schema(self, usecase: str, table: str, version: int | None = None) -> pa.Schema:
        """Columns and types, ``period`` among them; raises NotFoundError as ``read`` does."""
        return self._open(usecase, table, version).schema

    def periods(self, usecase: str, table: str) -> list[Period]:
        """Periods that the table has rows for, sorted; [] without the table."""
        if not self.exists(usecase, table):
            return []
        return sorted(Period(partition[PERIOD]) for partition in self._open(usecase, table).delta.partitions())

    def version(self, usecase: str, table: str) -> int:
        return self._open(usecase, table).version

    def describe(self, usecase: str, table: str) -> TableState:
        """Columns, rows per period, files and commits, oldest first, without reading a row; raises NotFoundError."""
        delta_log.prove(self._path(usecase, table), history=True)
        there = self._open(usecase, table)
        return TableState(
            table=table,
            version=there.version,
            columns={f.name: str(f.type) for f in there.schema},
            rows=there.counts(),
            files=there.listed(),
            commits=[_commit(entry) for entry in reversed(there.delta.history())],
        )

    def _path(self, usecase: str, table: str) -> Path:
        return self._root / usecase / table

    def _open(self, usecase: str, table: str, version: int | None = None) -> Table:
        return Table(self._path(usecase, table), version)

    def _committed(self, usecase: str, table: str, attempt: Callable[[], T], what: str) -> T:
        """Attempt it until it wins; the entries of the log are copied then."""
        won = commits.until_it_wins(attempt, what)
        delta_log.keep(self._path(usecase, table))
        return won

    def _newest(self, usecase: str, table: str, read: Callable[[Table], T]) -> T:
        """What ``read`` makes of the newest version; of the next one when its files were replaced and deleted."""
        there = self._open(usecase, table)
        while True:
            try:
                return read(there)
            except (NotFoundError, DamagedFileError, duckdb.IOException):
                newer = self._open(usecase, table)
                if newer.version == there.version:
                    there.require_all()
                    raise
                there = newer

    def _create(self, usecase: str, table: str, schema: pa.Schema) -> Table:
        if not self.exists(usecase, table):
            with suppress(FileExistsError):  # another writer made it meanwhile
                create(self._path(usecase, table), with_period(schema), LOG)
        return self._open(usecase, table)


def _commit(entry: dict[str, Any]) -> TableCommit:
    at = datetime.fromtimestamp(entry["timestamp"] / 1000, UTC)
    facts = {name: entry.get(name) for name in ("version", "operation", "period", "content_hash")}
    return TableCommit.model_validate({**facts, "at": at.isoformat(timespec="seconds")})


def _by_version(keep: Iterable[tuple[int, Period]]) -> dict[int, set[Period]]:
    periods: defaultdict[int, set[Period]] = defaultdict(set)
    for version, period in keep:
        periods[version].add(period)
    return periods


def _deleted(files: Iterable[Path]) -> int:
    gone = list(files)
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)
