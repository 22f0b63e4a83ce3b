"""The data lake: Delta tables ``<root>/<usecase>/<table>`` (fulfils ports.Lake).

We write the Parquet files and Delta commits them, because a file's name carries its hash: what is read is proved first.
A fresh period is a file of its own; ``compact`` makes one of those of a month.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from include.adapters.lake import commits
from include.adapters.lake import rows as rows_of
from include.adapters.lake.table import Table, create
from include.contracts.period import Period
from include.contracts.tables import (
    EVERY_ROW,
    PERIOD,
    FileRows,
    RowFilter,
    TableCommit,
    TableHead,
    TableRef,
    TableState,
)
from include.errors import DamagedFileError, DataError, NotFoundError
from include.formats import delta_log, lake_files, proved_parquet
from include.formats.lake_files import LakeFiles
from include.formats.stored_types import fitted, merged, stored_schema, with_period

# Delta's default drops log entries after 30 days, and with them every older version that a snapshot pins.
# The log keeps no column's smallest and largest value either: it outlives the files, and so would a subject's data.
LOG = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.checkpointInterval": "20",
}
HASH = "content_hash"
WRITTEN = timedelta(days=1)
"""Whoever writes a file has committed it after so long, or was killed."""
T = TypeVar("T")
AroundAppend = Callable[[str, str, pa.Table], AbstractContextManager[None]]
"""What is done around the adding of rows to a table of a use case."""


class DeltaLake:
    """Delta Lake in a directory; needs no server and no catalog."""

    def __init__(self, root: Path, around_append: AroundAppend = lambda usecase, table, rows: nullcontext()) -> None:
        """``around_append`` is entered before rows are added, and left when they are committed."""
        self._root, self._around_append = root, around_append

    def publish(self, usecase: str, table: str, rows: pa.Table | Path, period: Period) -> TableRef:
        """Replace the rows of one period in one commit; errors as ``publish_all``."""
        return self.publish_all(usecase, table, {Period(period): rows})[Period(period)]

    def publish_all(self, usecase: str, table: str, rows: Mapping[Period, pa.Table | Path]) -> dict[Period, TableRef]:
        """Replace the rows of these periods in one commit; Parquet files are streamed: memory does not grow with them.

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
        sources = {p: commits.GivenRows(of, f"{usecase}.{table} period {p}") for p, of in sorted(rows.items())}
        for period, source in sources.items():
            source.require_names(period)

        def attempt() -> dict[Period, TableRef]:
            first = with_period(next(iter(sources.values())).schema)
            known_table = self._open(usecase, table) if self.exists(usecase, table) else None
            stored = known_table.schema if known_table else first
            for source in sources.values():
                stored = merged(stored, source.schema, source.what, source.empty)
            contents = {period: source.content(stored) for period, source in sources.items()}
            there = known_table or self._create(usecase, table, stored)
            known = {period: (content.rows, content.content_hash) for period, content in contents.items()}
            changed = {p: content for p, content in contents.items() if known[p] != there.published(p)}
            version = commits.replace(there, changed, stored, _facts(changed)) if changed else there.version
            return {
                period: TableRef(table=table, version=version, rows=rows, content_hash=digest)
                for period, (rows, digest) in known.items()
            }

        return self._committed(usecase, table, attempt, f"{usecase}.{table} period {', '.join(sources)}"[:200])

    def append(self, usecase: str, table: str, rows: pa.Table) -> None:
        """Add rows, which carry their own ``period`` column; raises ConflictError, and DataError as ``publish``."""
        what = f"{usecase}.{table}"
        rows = fitted(rows, stored_schema(rows.schema, what), what)

        def attempt() -> None:
            commits.append(self._create(usecase, table, rows.schema), rows)

        with self._around_append(usecase, table, rows):
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
                contents = {p: commits.Content(rows.to_batches(), schema, rows.num_rows) for p, rows in left.items()}
                commits.replace(there, contents, schema, {})
            return sum(before[period] - rows.num_rows for period, rows in left.items())

        try:
            return self._committed(usecase, table, attempt, f"{usecase}.{table}")
        except (duckdb.ProgrammingError, duckdb.DataError) as error:
            names = self.schema(usecase, table).names
            raise DataError(f"{usecase}.{table}: the predicate cannot be evaluated; its columns are {names}") from error

    def compact(self, usecase: str, table: str) -> int:
        """Make one file of those of each month, where there are many; returns how many there are less.

        No row changes, nor its content hash, nor their order. Raises NotFoundError, ConflictError, DamagedFileError.
        """

        def attempt() -> int:
            return commits.compact(self._open(usecase, table))

        return self._committed(usecase, table, attempt, f"{usecase}.{table}")

    def vacuum(self, usecase: str, table: str, spare: timedelta = timedelta()) -> int:
        """Delete the files that the newest version does not need; returns their number.

        Those that it needed at some time within ``spare`` stay: somebody may be reading them. What no commit ever named
        goes after a day: until then somebody may be writing it. Raises NotFoundError.
        """
        there = self._open(usecase, table)
        return _deleted({*there.unneeded(spare), *there.unneeded(max(spare, WRITTEN), of_nobody=True)})

    def prune(
        self, usecase: str, table: str, keep: Iterable[tuple[Period, TableRef]], spare: timedelta = timedelta()
    ) -> int:
        """Delete the files that neither the newest version nor what is pinned needs; returns their number.

        What is pinned and the newest version still has needs no other file. Files that no commit ever named (of killed
        writers) go too, so nobody else may write meanwhile. Those that were needed at some time within ``spare`` stay.
        Raises NotFoundError without the table or a version, DamagedFileError.
        """
        needed = {Path(file).name for file in self.stored(usecase, table, keep)}
        unneeded = self._open(usecase, table).unneeded(spare, of_nobody=True)
        return _deleted(file for file in unneeded if file.name not in needed)

    def exists(self, usecase: str, table: str) -> bool:
        return delta_log.exists(self._path(usecase, table))

    def changed_at(self, usecase: str, table: str) -> datetime | None:
        return delta_log.changed_at(self._path(usecase, table))

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
        return self._newest(usecase, table, lambda there: rows_of.read(there, wanted.within(there.schema.names)))

    def batches(
        self, usecase: str, table: str, wanted: RowFilter, version: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Rows that meet the filter, as they were written, some at a time: memory does not grow with their number.

        Raises DataError for a filter that orders rows, as that takes all of them; other errors as ``read``.
        """
        if wanted.order or wanted.newest is not None:
            raise DataError(f"{usecase}.{table}: rows in batches come as they were written; select() orders rows")
        return rows_of.batches(self._open(usecase, table, version), wanted)

    def files(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> list[FileRows]:
        """The rows of these periods (None: of all) at a version (None: the newest), in files for DuckDB to read.

        A file that is older than a column lacks it (``union_by_name``). Errors as ``read``.
        """
        if version is not None:
            return self._open(usecase, table, version).there.of(periods)
        return self._newest(usecase, table, lambda there: there.there.of(periods))

    def pinned(
        self, usecase: str, table: str, refs: Mapping[Period, TableRef], *, again: bool = False
    ) -> list[FileRows]:
        """The rows of what snapshots pin of these periods; the files' bytes, and that they hold the rows, are proved.

        ``again``: whatever this process proved before. Raises NotFoundError without the table or version, or when its
        files were vacuumed; DamagedFileError for other files, and for lost ones that the newest version needs too.
        """
        return self._newest(usecase, table, lambda newest: self._pinned(newest, refs, again))

    def read_pinned(
        self, usecase: str, table: str, refs: Mapping[Period, TableRef], wanted: RowFilter = EVERY_ROW
    ) -> pa.Table:
        """The rows of what snapshots pin of these periods that meet the filter, with the columns of the newest version.

        Errors as ``pinned``.
        """
        schema = self.schema(usecase, table, max((ref.version for ref in refs.values()), default=None))
        rows = lambda newest: rows_of.of(schema, self._pinned(newest, refs), wanted)  # noqa: E731
        return self._newest(usecase, table, rows)

    def stored(self, usecase: str, table: str, keep: Iterable[tuple[Period, TableRef]] = ()) -> list[str]:
        """Every file that the newest version needs, and what is pinned where that no longer has it.

        Raises NotFoundError without the table or a version.
        """
        newest = self._open(usecase, table)
        at = self._versions(newest)
        files = {file for period, ref in set(keep) for file in _holding(newest, at, period, ref)}
        return sorted({*newest.there.files, *files})

    def stamp(self, usecase: str, table: str) -> str:
        """As the port says: when the directory of the log changed, which each commit does."""
        return delta_log.stamp(self._path(usecase, table))

    def schema(self, usecase: str, table: str, version: int | None = None) -> pa.Schema:
        """Columns and types, ``period`` among them; raises NotFoundError as ``read`` does."""
        return self._open(usecase, table, version).schema

    def periods(self, usecase: str, table: str) -> list[Period]:
        """Periods that the table has rows for, sorted; [] without the table."""
        if not self.exists(usecase, table):
            return []
        return self._open(usecase, table).there.periods()

    def version(self, usecase: str, table: str) -> int:
        return self._open(usecase, table).version

    def head(self, usecase: str, table: str) -> TableHead | None:
        """As the port says; no file of the table is opened but the entry."""
        if (found := delta_log.newest(self._path(usecase, table))) is None:
            return None
        number, text = found
        facts = next(fact for line in text.splitlines() if (fact := json.loads(line).get("commitInfo")))
        at = datetime.fromtimestamp(facts["timestamp"] / 1000, UTC)
        return TableHead(version=number, at=at, sha256=hashlib.sha256(text.encode()).hexdigest())

    def describe(self, usecase: str, table: str) -> TableState:
        """Columns, rows per period, files and commits, oldest first, without reading a row; raises NotFoundError."""
        delta_log.prove(self._path(usecase, table), history=True)
        there = self._open(usecase, table)
        return TableState(
            table=table,
            version=there.version,
            columns={f.name: str(f.type) for f in there.schema},
            rows=there.counts(),
            files=there.there.files,
            commits=[_commit(entry) for entry in reversed(there.delta.history())],
        )

    def _path(self, usecase: str, table: str) -> Path:
        return self._root / usecase / table

    def _open(self, usecase: str, table: str, version: int | None = None) -> Table:
        return Table(self._path(usecase, table), version)

    def _versions(self, newest: Table) -> Callable[[int], LakeFiles]:
        """Opens a version of the table, each once."""
        return cache(lambda version: Table(newest.path, version).there)

    def _pinned(self, newest: Table, refs: Mapping[Period, TableRef], again: bool = False) -> list[FileRows]:
        found = lake_files.pinned(refs, newest.path, newest.there, self._versions(newest))
        stored = lake_files.together(one for rows in found.values() for one in rows)
        for one in stored:
            proved_parquet.prove(one.file, again=again)
        for period, rows in found.items():
            proved_parquet.prove_content(rows, refs[period], period, f"{newest.name} period {period}")
        return stored

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
    facts = {name: entry.get(name) for name in ("version", "operation", PERIOD, HASH)}
    return TableCommit.model_validate({**facts, "at": at.isoformat(timespec="seconds")})


def _facts(changed: Mapping[Period, commits.Content]) -> dict[str, str]:
    """What the log says of the commit of one period."""
    if len(changed) > 1:
        return {}
    return {fact: of for period, one in changed.items() for fact, of in ((PERIOD, period), (HASH, one.content_hash))}


def _holding(newest: Table, at: Callable[[int], LakeFiles], period: Period, ref: TableRef) -> list[str]:
    """The files that have what is pinned; where one is damaged or gone, those that the pinned version names."""
    try:
        there = lake_files.in_one_file(period, ref, newest.path, newest.there, at) if ref.rows else None
    except (DamagedFileError, NotFoundError):
        there = None
    return [there.file] if there else at(ref.version).may_hold([period]) if ref.rows else []


def _deleted(files: Iterable[Path]) -> int:
    gone = list(files)
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)
