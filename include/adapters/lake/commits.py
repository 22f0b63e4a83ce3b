"""Commits: the Parquet files are ours, because a file's name carries its hash; Delta makes them count."""

import json
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, TableFeatures, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from include.adapters.lake import merging
from include.adapters.lake.table import Table, with_part
from include.contracts.names import RESERVED, column_faults
from include.contracts.period import Period
from include.contracts.tables import PART, PERIOD, FileRows
from include.errors import ConflictError, DamagedFileError, DataError, NotFoundError
from include.formats import delta_log, proved_parquet
from include.formats.content import BATCH, parquet_rows, quoted, relation_hash
from include.formats.database import in_utc
from include.formats.proved_parquet import Written
from include.formats.stored_types import empty_columns, fitted, merged, stored_schema, with_period

log = logging.getLogger(__name__)
ATTEMPTS = 8
NO_PART = "-"
WRITER = "writer"
T = TypeVar("T")


class GivenRows:
    """Rows to publish: a table, or a Parquet file that is streamed; ``period`` is where they go, not what they say."""

    def __init__(self, rows: pa.Table | Path, what: str) -> None:
        self._given, self.what = rows, what
        try:
            schema = rows.schema if isinstance(rows, pa.Table) else pq.read_schema(rows)
            self.rows = rows.num_rows if isinstance(rows, pa.Table) else pq.read_metadata(rows).num_rows
        except FileNotFoundError as error:
            raise NotFoundError(f"{what}: there is no file {rows} to publish") from error
        except pa.ArrowInvalid as error:
            raise DataError(f"{what}: {rows} is not a Parquet file: {error}; stage it again") from error
        self._types = pa.schema([field for field in schema if field.name != PERIOD])
        self.schema, self.empty = stored_schema(self._types, what), empty_columns(rows)

    def require_names(self, period: Period) -> None:
        """Raises DataError when no table may have such columns, or a column ``period`` says another period than this.

        The lake has a column ``period`` of its own.
        """
        if not self.schema.names:
            raise DataError(f"{self.what}: the rows have no column; name the columns where the table is made")
        if faults := [f"{name!r} {why}" for name, why in column_faults(self.schema.names)]:
            raise DataError(f"{self.what}: {'; '.join(faults)}; rename the columns where the table is made")
        differ = (pc.fill_null(pc.not_equal(p.cast(pa.string()), period), True) for p in self._periods())
        others = sum(pc.sum(one, min_count=0).as_py() for one in differ)  # of no row the sum would be None
        if others:
            raise DataError(
                f"{self.what}: {others} rows have another value in the column {PERIOD!r}, which would be lost: "
                f"{RESERVED[PERIOD]}; rename the column where the table is made"
            )

    def _periods(self) -> Iterator[pa.Array]:
        """The values of a column ``period``, where the rows have one."""
        if isinstance(self._given, pa.Table):
            yield from self._given[PERIOD].chunks if PERIOD in self._given.column_names else ()
            return
        with pq.ParquetFile(self._given) as file:
            if PERIOD in file.schema_arrow.names:
                yield from (batch[PERIOD] for batch in file.iter_batches(BATCH, columns=[PERIOD]))

    def content_hash(self, schema: pa.Schema) -> str:
        """The hash of the rows in the types of the schema, in which they are stored: what will be read back."""
        with in_utc() as connection:
            if isinstance(self._given, pa.Table):
                connection.register("given", fitted(self._given, schema, self.what))
                return relation_hash(connection, "given", schema)
            connection.execute(f"CREATE TEMP VIEW given AS FROM {parquet_rows(self._given)}")
            connection.register("typed", schema.empty_table())
            none = ", ".join(f"NULL AS {quoted(name)}" for name in self._types.names if name in self.empty)
            given = f"* REPLACE ({none})" if none else "*"
            wider = f"(SELECT * FROM typed UNION ALL BY NAME SELECT {given} FROM given)"  # noqa: S608
            try:
                return relation_hash(connection, "given" if self._types == schema else wider, schema)
            except duckdb.Error:  # its text has a value: the rows name the place
                fitted(pq.read_table(self._given, partitioning=None), schema, self.what)
                raise

    def content(self, stored: pa.Schema) -> "Content":
        """All that is to be stored, in the types of the table."""
        columns = pa.schema([stored.field(name) for name in self.schema.names])
        return Content(self.batches(columns), columns, self.rows, self.content_hash(columns))

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """All rows with the columns and types of the schema, a batch at a time."""
        before = 0
        for batch in self._pieces():
            yield from fitted(pa.Table.from_batches([batch]), schema, self.what, before).to_batches()
            before += batch.num_rows

    def _pieces(self) -> Iterator[pa.RecordBatch]:
        if isinstance(self._given, pa.Table):
            yield from self._given.to_batches(max_chunksize=BATCH)
            return
        with pq.ParquetFile(self._given) as file:
            yield from file.iter_batches(BATCH)


def until_it_wins(attempt: Callable[[], T], what: str) -> T:
    """Repeat a whole read-modify-write while other writers win; raises ConflictError when they always do."""
    last: Exception | None = None
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except (CommitFailedError, FileExistsError) as error:
            log.info("%s: another writer won attempt %d of %d", what, number, ATTEMPTS)
            last = error
    raise ConflictError(f"{what}: other writers won {ATTEMPTS} times; run the step again when they are done") from last


class Content(NamedTuple):
    """All rows of a period: batches of these columns, and their content hash, or '' where it is not known."""

    batches: Iterable[pa.RecordBatch]
    columns: pa.Schema
    rows: int
    content_hash: str = ""


def replace(table: Table, contents: Mapping[Period, Content], stored: pa.Schema, facts: Mapping[str, str]) -> int:
    """Commit what these periods hold, each as a whole; returns the version of the commit.

    The batches have the types of ``stored``, which the table has then. Other periods of the same files are kept.
    """
    gone = table.there.may_hold(contents)
    kept = [_without(table, file, contents) for file in gone]
    files = [*filter(None, kept), *_fresh(table, contents)]
    turns = [Transaction(f"{PERIOD} {period}", table.version) for period in contents]  # two first writers: one loses
    return _commit(table, files, gone, stored, facts, turns)


def append(table: Table, rows: pa.Table) -> None:
    """Commit further rows of the periods that they name; raises DataError for other types than the table's."""
    stored = merged(table.schema, rows.schema, table.name, empty_columns(rows))
    rows = fitted(rows, pa.schema([stored.field(name) for name in rows.schema.names]), table.name)
    files = []
    for month, periods in _by_month(map(Period, pc.unique(rows[PERIOD]).to_pylist())).items():
        of_month = rows.filter(pc.is_in(rows[PERIOD], pa.array(periods, pa.string())))
        hashes = dict.fromkeys(periods, "")
        files.append(proved_parquet.write(table.path, rows.schema, of_month.to_batches(), hashes, part=month))
    _commit(table, files, [], stored, {}, [])


def compact(table: Table) -> int:
    """Commit one file in place of those of each month whose rows are in many; returns the number of files less."""
    merges = [(merging.merged(table, month, files), files) for month, files in merging.scattered(table)]
    gone = [one.file for _, files in merges for one in files]
    if merges:
        _commit(table, [written for written, _ in merges], gone, table.schema, {}, [])
    return len(gone) - len(merges)


def _by_month(periods: Iterable[Period]) -> dict[Period, list[Period]]:
    months: defaultdict[Period, list[Period]] = defaultdict(list)
    for period in sorted(periods):
        months[period.month].append(period)
    return months


def _fresh(table: Table, contents: Mapping[Period, Content]) -> Iterator[Written]:
    """A file for each period that has rows, or for all of a month."""
    for month, periods in _by_month(contents).items():
        columns = pa.unify_schemas([with_period(contents[period].columns) for period in periods])
        batches = (batch for period in periods for batch in _dated(period, contents[period], columns))
        hashes = {period: contents[period].content_hash for period in periods}
        part = periods[0] if len(periods) == 1 else month
        file = proved_parquet.write(table.path, columns, batches, hashes, part=part)
        if file.rows:
            yield file
        else:
            file.path.unlink()


def _dated(period: Period, content: Content, columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches with all columns, and their period."""
    for batch in content.batches:
        rows = batch.num_rows
        given = dict(zip(batch.schema.names, batch.columns, strict=True)) | {PERIOD: pa.repeat(str(period), rows)}
        yield merging.with_all(columns, given, rows)


def _without(table: Table, file: str, periods: Mapping[Period, Content]) -> Written | None:
    """The rows of a file that are of other periods, in a new file; None without any."""
    if proved_parquet.only_period(file) is not None:
        return None
    try:
        kept = tuple(period for period in proved_parquet.held(file) if period not in periods)
    except DamagedFileError as error:
        log.error("the newest version loses the other periods of a file, run each of them again: %s", error)
        return None
    return merging.merged(table, proved_parquet.part_of(file), [FileRows(file, kept)]) if kept else None


def _commit(
    table: Table,
    files: Sequence[Written],
    gone: Sequence[str],
    stored: pa.Schema,
    facts: Mapping[str, str],
    turns: Sequence[Transaction],
) -> int:
    writer, before, schema = secrets.token_hex(8), table.version, with_part(stored)
    about = CommitProperties(custom_metadata={**facts, WRITER: writer}, app_transactions=list(turns) or None)
    actions = [*map(_add, files), *map(_remove, gone)]
    with table.committing() as delta:
        if stored != table.schema:  # only an overwrite may bring or widen columns: here of no part
            _allow_times_without_zone(delta, schema)
            delta.create_write_transaction([], "overwrite", schema, [PART], [(PART, "=", NO_PART)])
            delta.update_incremental()
        delta.create_write_transaction(actions, "append", schema, [PART], commit_properties=about)
    return delta_log.version_of(table.path, writer, after=before)


def _allow_times_without_zone(delta: DeltaTable, schema: Schema) -> None:
    """A table that gets its first such column after it was made could not be opened any more."""
    if '"timestamp_ntz"' in schema.to_json() and "timestampNtz" not in (delta.protocol().reader_features or ()):
        delta.alter.add_feature(TableFeatures.TimestampWithoutTimezone, allow_protocol_versions_increase=True)
        delta.update_incremental()


def _add(file: Written) -> AddAction:
    at, stats = int(file.path.stat().st_mtime * 1000), json.dumps({"numRecords": file.rows})
    return AddAction(_below(file.path), file.size, _partition(file.path), at, True, stats)


def _remove(file: str) -> RemoveAction:
    at = int(time.time() * 1000)
    return RemoveAction(
        path=_below(file), deletion_timestamp=at, data_change=True, partition_values=_partition(file), size=None
    )


def _below(file: str | Path) -> str:
    """The path below the table's."""
    return "/".join(Path(file).parts[-2:])


def _partition(file: str | Path) -> dict[str, str | None]:
    return {PART: proved_parquet.part_of(file)}
