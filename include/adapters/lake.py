"""The data lake: Delta tables ``<root>/<usecase>/<table>``, partitioned by ``period`` (fulfils ports.Lake).

We write the Parquet files and Delta commits them, because a file's name carries its hash: what is read is proved first.
"""

import json
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction

from include.contracts import delta_log, proved_parquet
from include.contracts.content import Rows, in_utc, quoted, stored_schema, with_period
from include.contracts.period import Period
from include.contracts.proved_parquet import Written
from include.contracts.tables import PERIOD, RowFilter, TableCommit, TableRef, TableState
from include.errors import ConflictError, DamagedFileError, DataError, NotFoundError

log = logging.getLogger(__name__)

ATTEMPTS = 8
NO_PERIOD = "-"
WRITER = "writer"
READ = """read_parquet($files, hive_partitioning = true, hive_types_autocast = 0, union_by_name = true,
    filename = '__file', file_row_number = true)"""
POSITION = ("__file", "file_row_number")
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

        Raises
        ------
        NotFoundError, DataError
            there is no such file, or it does not hold what Delta can store.
        ConflictError
            other writers of the same period won every attempt.
        """
        source = Rows(rows, f"{usecase}.{table} period {period}")
        source.require_names(period)
        digest = source.content_hash()

        def attempt() -> TableRef:
            delta = self._create(usecase, table, source.schema)
            version = delta.version()
            if (source.rows, digest) != _published(delta, period):
                facts = {PERIOD: period, "content_hash": digest}
                version = _replace(delta, {period: source.batches(period)}, source.schema, facts)
            return TableRef(table=table, version=version, rows=source.rows, content_hash=digest)

        return self._committed(usecase, table, attempt, source.what)

    def append(self, usecase: str, table: str, rows: pa.Table) -> None:
        """Add rows, which carry their own ``period`` column; raises ConflictError."""
        rows = rows.cast(stored_schema(rows.schema))

        def attempt() -> None:
            _append(self._create(usecase, table, rows.schema), rows)

        self._committed(usecase, table, attempt, f"{usecase}.{table}")

    def delete(self, usecase: str, table: str, predicate: str) -> int:
        """Delete the rows that meet an SQL predicate, as a new version; returns their number.

        Earlier versions still hold them until ``vacuum``. Raises NotFoundError, ConflictError, and
        DataError for a predicate that the table cannot evaluate.
        """

        def attempt() -> int:
            delta = self._open(usecase, table)
            left, before = _left(delta, predicate), _counts(delta)
            if left:
                _replace(delta, {p: rows.to_batches() for p, rows in left.items()}, _schema(delta), {})
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
        delta, path = self._open(usecase, table), self._path(usecase, table)
        # the log also names files that an earlier vacuum deleted, and a vacuum is two commits each time
        unneeded = [f for f in delta.vacuum(0, enforce_retention_duration=False) if (path / f).exists()]
        if unneeded:
            delta.vacuum(0, dry_run=False, enforce_retention_duration=False)
            delta_log.keep(path)
        return len(unneeded)

    def prune(self, usecase: str, table: str, keep: Iterable[tuple[int, Period]]) -> int:
        """Delete the files that neither the newest version nor a kept (version, period) needs; returns their number.

        Files that no commit ever named (of killed writers) go too, so nobody else may write meanwhile.
        Raises NotFoundError without the table or a version.
        """
        needed = {Path(file).name for file in self.stored(usecase, table, keep)}
        unneeded = self._open(usecase, table).vacuum(0, dry_run=True, enforce_retention_duration=False, full=True)
        paths = (self._path(usecase, table) / file for file in unneeded)
        files = [path for path in paths if path.name not in needed and path.exists()]
        for file in files:
            file.unlink()
        return len(files)

    def exists(self, usecase: str, table: str) -> bool:
        path = self._path(usecase, table)
        return DeltaTable.is_deltatable(str(path)) or delta_log.has_copies(path)

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
            return _rows(self._open(usecase, table, version), wanted)
        return self._newest(usecase, table, lambda delta: _rows(delta, wanted))

    def select(self, usecase: str, table: str, wanted: RowFilter) -> pa.Table:
        """Rows of the newest version that meet the filter, in its order; raises NotFoundError without the table.

        For the ``newest`` rows the columns of the order are read of every file, the others of theirs alone.
        """
        return self._newest(usecase, table, lambda delta: _rows(delta, wanted))

    def files(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> list[str]:
        """Parquet files of these periods (None: of all) at a version (None: the newest), for DuckDB to read.

        ``period`` is a directory of their paths (Hive partitioning), not a column in them; a file that is older
        than a column lacks it (``union_by_name``). Errors as ``read``.
        """
        if version is not None:
            return _files(self._open(usecase, table, version), periods)
        return self._newest(usecase, table, lambda delta: _files(delta, periods))

    def pinned(self, usecase: str, period: Period, ref: TableRef, *, again: bool = False) -> list[str]:
        """The files of what a snapshot pins of a period; their bytes, and that they hold its rows, are proved.

        ``again``: whatever this process proved before. Raises NotFoundError without the table or version, or when its
        files were vacuumed; DamagedFileError for other files, and for lost ones that the newest version needs too.
        """
        delta = self._open(usecase, ref.table, ref.version)
        if not all(Path(file).exists() for file in _listed(delta, [period])):
            _require_all(self._open(usecase, ref.table))
        files = _files(delta, [period])
        for file in files if again else ():
            proved_parquet.prove(file, again=True)
        proved_parquet.prove_content(files, ref, period, f"{usecase}.{ref.table} period {period}")
        return files

    def stored(self, usecase: str, table: str, keep: Iterable[tuple[int, Period]] = ()) -> list[str]:
        """Every file that the newest version or a (version, period) of these names; none is read. NotFoundError."""
        periods = _by_version(keep)
        versions = [_listed(self._open(usecase, table, version), sorted(of)) for version, of in periods.items()]
        return sorted({file for files in [_listed(self._open(usecase, table)), *versions] for file in files})

    def schema(self, usecase: str, table: str, version: int | None = None) -> pa.Schema:
        """Columns and types, ``period`` among them; raises NotFoundError as ``read`` does."""
        return _schema(self._open(usecase, table, version))

    def periods(self, usecase: str, table: str) -> list[Period]:
        """Periods that the table has rows for, sorted; [] without the table."""
        if not self.exists(usecase, table):
            return []
        return sorted(Period(partition[PERIOD]) for partition in self._open(usecase, table).partitions())

    def version(self, usecase: str, table: str) -> int:
        return self._open(usecase, table).version()

    def describe(self, usecase: str, table: str) -> TableState:
        """Columns, rows per period, files and commits, oldest first, without reading a row; raises NotFoundError."""
        delta_log.prove(self._path(usecase, table), history=True)
        delta = self._open(usecase, table)
        return TableState(
            table=table,
            version=delta.version(),
            columns={f.name: str(f.type) for f in _schema(delta)},
            rows=_counts(delta),
            files=delta.file_uris(),
            commits=[_commit(entry) for entry in reversed(delta.history())],
        )

    def _path(self, usecase: str, table: str) -> Path:
        return self._root / usecase / table

    def _open(self, usecase: str, table: str, version: int | None = None) -> DeltaTable:
        path = self._path(usecase, table)
        delta_log.prove(path, version)
        try:
            return DeltaTable(str(path), version=version)
        except TableNotFoundError as error:
            raise NotFoundError(f"the lake has no table {usecase}.{table} ({path}); publish it first") from error
        except Exception as error:
            if version is None or not self.exists(usecase, table):
                raise
            newest = DeltaTable(str(path)).version()
            raise NotFoundError(f"{usecase}.{table} has no version {version}; the newest is {newest}") from error

    def _committed(self, usecase: str, table: str, attempt: Callable[[], T], what: str) -> T:
        """Attempt it until it wins; the entries of the log are copied then."""
        won = _until_it_wins(attempt, what)
        delta_log.keep(self._path(usecase, table))
        return won

    def _newest(self, usecase: str, table: str, read: Callable[[DeltaTable], T]) -> T:
        """What ``read`` makes of the newest version; of the next one when its files were replaced and deleted."""
        delta = self._open(usecase, table)
        while True:
            try:
                return read(delta)
            except (NotFoundError, DamagedFileError, duckdb.IOException):
                newer = self._open(usecase, table)
                if newer.version() == delta.version():
                    _require_all(delta)
                    raise
                delta = newer

    def _create(self, usecase: str, table: str, schema: pa.Schema) -> DeltaTable:
        if self.exists(usecase, table):
            return self._open(usecase, table)
        path = self._path(usecase, table)
        path.mkdir(parents=True, exist_ok=True)
        schema = with_period(schema)
        return DeltaTable.create(str(path), schema, mode="ignore", partition_by=[PERIOD], configuration=LOG)


def _commit(entry: dict[str, Any]) -> TableCommit:
    at = datetime.fromtimestamp(entry["timestamp"] / 1000, UTC)
    facts = {name: entry.get(name) for name in ("version", "operation", "period", "content_hash")}
    return TableCommit.model_validate({**facts, "at": at.isoformat(timespec="seconds")})


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


def _replace(
    delta: DeltaTable, rows: Mapping[Period, Iterable[pa.RecordBatch]], schema: pa.Schema, facts: Mapping[str, str]
) -> int:
    """Commit these rows as all that their periods hold; the version of the commit."""
    stored = _widened(delta, schema)
    files = _written(delta, stored, schema, rows, facts.get("content_hash", ""))
    turns = [Transaction(f"{PERIOD} {period}", delta.version()) for period in rows]  # two first writers: one loses
    return _commit_files(delta, files, "overwrite", stored, [(PERIOD, "in", list(rows))], facts, turns)


def _append(delta: DeltaTable, rows: pa.Table) -> None:
    """Commit further rows of the periods that they name."""
    periods = pc.unique(rows[PERIOD]).to_pylist()
    of_period = {period: rows.filter(pc.equal(rows[PERIOD], period)).to_batches() for period in periods}
    stored = _widened(delta, rows.schema)
    files = _written(delta, stored, rows.schema, of_period, "")
    if stored == delta.schema():
        _commit_files(delta, files, "append", stored, None, {}, [])
    else:  # only an overwrite may bring columns: here of no period
        _commit_files(delta, files, "overwrite", stored, [(PERIOD, "=", NO_PERIOD)], {}, [])


def _commit_files(
    delta: DeltaTable,
    files: list[Written],
    mode: str,
    schema: Schema,
    replaced: Any,
    facts: Mapping[str, str],
    turns: list[Transaction],
) -> int:
    writer, before = secrets.token_hex(8), delta.version()
    about = CommitProperties(custom_metadata={**facts, WRITER: writer}, app_transactions=turns or None)
    actions = [_add(file) for file in files]
    delta.create_write_transaction(actions, mode, schema, [PERIOD], replaced, commit_properties=about)
    delta.update_incremental()
    committed = [e["version"] for e in delta.history(delta.version() - before) if e.get(WRITER) == writer]
    return int(committed[0])


def _add(file: Written) -> AddAction:
    partition, name = file.path.parts[-2:]
    period = partition.removeprefix(f"{PERIOD}=")
    at, stats = int(file.path.stat().st_mtime * 1000), json.dumps({"numRecords": file.rows})
    return AddAction(f"{partition}/{name}", file.size, {PERIOD: period}, at, True, stats)


def _widened(delta: DeltaTable, schema: pa.Schema) -> Schema:
    """The table's schema, and the columns that are new to it."""
    there = delta.schema()
    known = {field.name for field in there.fields}
    new = pa.schema([field for field in with_period(schema) if field.name not in known])
    return Schema([*there.fields, *Schema.from_arrow(new).fields]) if new.names else there


def _written(
    delta: DeltaTable,
    stored: Schema,
    schema: pa.Schema,
    rows: Mapping[Period, Iterable[pa.RecordBatch]],
    content_hash: str,
) -> list[Written]:
    """One file per period that has rows, in the types of the table."""
    table = stored_schema(pa.schema(stored.to_arrow()))
    columns = pa.schema([table.field(name) for name in schema.names if name != PERIOD])
    files = []
    for period, batches in rows.items():
        place = Path(unquote(urlsplit(delta.table_uri).path)) / f"{PERIOD}={period}"
        what = f"{place.parts[-3]}.{place.parts[-2]} period {period}"
        file = proved_parquet.write(place, columns, _typed(columns, batches, what), content_hash)
        if file.rows:
            files.append(file)
        else:
            file.path.unlink()
    return files


def _typed(columns: pa.Schema, batches: Iterable[pa.RecordBatch], what: str) -> Iterator[pa.RecordBatch]:
    """The batches in the table's types; raises DataError for a value that its column cannot hold."""
    for batch in batches:
        try:
            yield from pa.Table.from_batches([batch]).select(columns.names).cast(columns).to_batches()
        except pa.ArrowInvalid as error:
            kinds = {f.name: (str(batch.schema.field(f.name).type), str(f.type)) for f in columns}
            differ = [f"{name} ({new}, in the table {old})" for name, (new, old) in kinds.items() if new != old]
            raise DataError(
                f"{what}: columns have other types than before, and values that those do not hold: {', '.join(differ)}"
                "; correct the source, or give the column another name"
            ) from error


def _published(delta: DeltaTable, period: Period) -> tuple[int, str] | None:
    """Rows and content hash of a period as it is in the table; None without it, and where it is damaged."""
    try:
        files = _files(delta, [period])
    except (DamagedFileError, NotFoundError) as error:
        log.warning("the period is written again: %s", error)
        return None
    if not files:
        return None
    claimed = proved_parquet.claimed_hash(files[0]) if len(files) == 1 else None
    return sum(map(proved_parquet.rows_in, files)), claimed or proved_parquet.rows_hash(files)


def _schema(delta: DeltaTable) -> pa.Schema:
    return stored_schema(pa.schema(delta.schema().to_arrow()))


def _listed(delta: DeltaTable, periods: Sequence[Period] | None = None) -> list[str]:
    if periods is not None and not periods:
        return []
    filters: list[tuple[str, str, Any]] | None = None if periods is None else [(PERIOD, "in", list(periods))]
    return sorted(delta.file_uris(file_pruning_predicate=filters))


def _files(delta: DeltaTable, periods: Sequence[Period] | None = None) -> list[str]:
    """The files of these periods, each of them proved."""
    files = _listed(delta, periods)
    if gone := sum(not Path(file).exists() for file in files):
        raise NotFoundError(
            f"{Path(delta.table_uri).name} version {delta.version()}: {gone} of its {len(files)} files were vacuumed "
            "because no snapshot pinned it; read a version that a snapshot names"
        )
    for file in files:
        proved_parquet.prove(file)
    return files


def _require_all(delta: DeltaTable) -> None:
    """Raises DamagedFileError when a file of the newest version is gone: nothing but damage takes it away."""
    for file in _listed(delta):
        if not Path(file).exists():
            raise DamagedFileError(
                f"{proved_parquet.table_of(file)}: {file} is gone, and the newest version needs it; "
                f"{proved_parquet.way_out(file)}"
            )


def _by_version(keep: Iterable[tuple[int, Period]]) -> dict[int, set[Period]]:
    periods: defaultdict[int, set[Period]] = defaultdict(set)
    for version, period in keep:
        periods[version].add(period)
    return periods


def _counts(delta: DeltaTable) -> dict[Period, int]:
    """Rows by period, as the log says it."""
    added = pa.table(delta.get_add_actions(flatten=True))
    counts = added.group_by(f"partition.{PERIOD}").aggregate([("num_records", "sum")])
    rows = {Period(row[f"partition.{PERIOD}"]): row["num_records_sum"] for row in counts.to_pylist()}
    return dict(sorted(rows.items()))


def _left(delta: DeltaTable, predicate: str) -> dict[Period, pa.Table]:
    """What is left of each period that loses rows; no file is read when the period alone decides."""
    periods = list(_counts(delta))
    with in_utc() as connection:
        query = f"SELECT {PERIOD} FROM (SELECT unnest($periods::VARCHAR[]) AS {PERIOD}) WHERE {predicate}"  # noqa: S608
        try:
            gone = connection.sql(query, params={"periods": periods}).fetchall()
            return {Period(period): _schema(delta).empty_table() for (period,) in gone}
        except duckdb.BinderException:  # it names other columns
            kept = ((period, *_kept(connection, delta, period, predicate)) for period in periods)
            return {period: rows for period, rows, touched in kept if touched}


def _kept(
    connection: duckdb.DuckDBPyConnection, delta: DeltaTable, period: Period, predicate: str
) -> tuple[pa.Table, bool]:
    """The rows of a period that do not meet the predicate, and whether others do."""
    rows = _rows(delta, RowFilter(periods=[period]))
    connection.register("there", rows)
    kept = connection.sql(f"SELECT * FROM there WHERE NOT coalesce(({predicate}), false)").to_arrow_table()  # noqa: S608
    return kept.cast(rows.schema), kept.num_rows < rows.num_rows


def _rows(delta: DeltaTable, wanted: RowFilter) -> pa.Table:
    every, files = _schema(delta), _files(delta, wanted.periods)
    schema = pa.schema([every.field(name) for name in wanted.columns or every.names])
    with in_utc() as connection:
        connection.register("typed", every.empty_table())  # a file lacks columns that are younger than it
        if files and wanted.newest is not None:
            files = sorted({row[0] for row in _query(connection, files, wanted, POSITION[:1]).fetchall()})
        if not files:
            return schema.empty_table()
        return _query(connection, files, wanted, schema.names).to_arrow_table().cast(schema)


def _query(
    connection: duckdb.DuckDBPyConnection, files: list[str], wanted: RowFilter, columns: Sequence[str]
) -> duckdb.DuckDBPyRelation:
    meets, values = _conditions(wanted)
    rows = f"SELECT * FROM (SELECT * FROM typed UNION ALL BY NAME SELECT * FROM {READ}) WHERE {meets}"  # noqa: S608
    by = [quoted(name) for name in (*wanted.order, *POSITION)]
    if wanted.newest is not None:
        rows += f" ORDER BY {', '.join(f'{name} DESC' for name in by)} LIMIT {wanted.newest}"
    order = f"ORDER BY {', '.join(by)}" if wanted.order else ""
    query = f"SELECT {', '.join(map(quoted, columns))} FROM ({rows}) {order}"  # noqa: S608
    return connection.sql(query, params={"files": files, **values})


def _conditions(wanted: RowFilter) -> tuple[str, dict[str, Any]]:
    """SQL of what rows must meet, and the values that it names."""
    bounds = [f"{quoted(name)} >= $least{i}" for i, name in enumerate(wanted.at_least)]
    equals = [
        f"list_contains($equal{i}, {quoted(name)})" if isinstance(value, list) else f"{quoted(name)} = $equal{i}"
        for i, (name, value) in enumerate(wanted.equal.items())
    ]
    values = {f"least{i}": value for i, value in enumerate(wanted.at_least.values())}
    values |= {f"equal{i}": value for i, value in enumerate(wanted.equal.values())}
    return " AND ".join([*bounds, *equals]) or "true", values
