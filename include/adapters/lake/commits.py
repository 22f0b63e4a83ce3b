"""Commits: the Parquet files are ours, because a file's name carries its hash; Delta makes them count."""

import json
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from include.adapters.lake.table import Table
from include.contracts.names import RESERVED, column_faults
from include.contracts.period import Period
from include.contracts.tables import PERIOD
from include.errors import ConflictError, DataError, NotFoundError
from include.formats import proved_parquet
from include.formats.content import BATCH, in_utc, parquet_rows, quoted, relation_hash
from include.formats.proved_parquet import Written
from include.formats.stored_types import empty_columns, fitted, merged, stored_schema

log = logging.getLogger(__name__)
ATTEMPTS = 8
NO_PERIOD = "-"
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
        others = sum(
            pc.sum(pc.fill_null(pc.not_equal(p.cast(pa.string()), period), True)).as_py() for p in self._periods()
        )
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
            connection.sql(f"FROM {parquet_rows(self._given)}").create_view("given")
            connection.register("typed", schema.empty_table())
            none = ", ".join(f"NULL AS {quoted(name)}" for name in self._types.names if name in self.empty)
            given = f"* REPLACE ({none})" if none else "*"
            wider = f"(SELECT * FROM typed UNION ALL BY NAME SELECT {given} FROM given)"  # noqa: S608
            try:
                return relation_hash(connection, "given" if self._types == schema else wider, schema)
            except duckdb.Error:  # its text has a value: the rows name the place
                fitted(pq.read_table(self._given, partitioning=None), schema, self.what)
                raise

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """All rows with the columns and types of the schema, a batch at a time."""
        before = 0
        for batch in self._pieces():
            yield from fitted(pa.Table.from_batches([batch]), schema, self.what, before).to_batches()
            before += batch.num_rows

    def typed(self, table: pa.Schema) -> pa.Schema:
        """The columns of the rows in the types of the table."""
        return pa.schema([table.field(name) for name in self.schema.names])

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


def replace(
    table: Table,
    rows: Mapping[Period, Iterable[pa.RecordBatch]],
    columns: pa.Schema,
    stored: pa.Schema,
    facts: Mapping[str, str],
) -> int:
    """Commit these columns of the rows as all that their periods hold; returns the version of the commit.

    The batches have the types of ``columns``, and the table has those of ``stored`` then.
    """
    files = _written(table, rows, columns, facts.get("content_hash", ""))
    turns = [Transaction(f"{PERIOD} {period}", table.version) for period in rows]  # two first writers: one loses
    return _commit(table, files, "overwrite", stored, [(PERIOD, "in", list(rows))], facts, turns)


def append(table: Table, rows: pa.Table) -> None:
    """Commit further rows of the periods that they name; raises DataError for other types than the table's."""
    stored = merged(table.schema, rows.schema, table.name, empty_columns(rows))
    rows = fitted(rows, pa.schema([stored.field(name) for name in rows.schema.names]), table.name)
    periods = pc.unique(rows[PERIOD]).to_pylist()
    of_period = {period: rows.filter(pc.equal(rows[PERIOD], period)).to_batches() for period in periods}
    files = _written(table, of_period, rows.schema, "")
    if stored == table.schema:
        _commit(table, files, "append", stored, None, {}, [])
    else:  # only an overwrite may bring or widen columns: here of no period
        _commit(table, files, "overwrite", stored, [(PERIOD, "=", NO_PERIOD)], {}, [])


def _commit(
    table: Table,
    files: list[Written],
    mode: str,
    stored: pa.Schema,
    replaced: Any,
    facts: Mapping[str, str],
    turns: list[Transaction],
) -> int:
    writer, before, actions = secrets.token_hex(8), table.version, [_add(file) for file in files]
    about = CommitProperties(custom_metadata={**facts, WRITER: writer}, app_transactions=turns or None)
    schema = table.delta.schema() if stored == table.schema else Schema.from_arrow(stored)
    with table.committing() as delta:
        delta.create_write_transaction(actions, mode, schema, [PERIOD], replaced, commit_properties=about)
        delta.update_incremental()
        committed = [e["version"] for e in delta.history(delta.version() - before) if e.get(WRITER) == writer]
    return int(committed[0])


def _add(file: Written) -> AddAction:
    partition, name = file.path.parts[-2:]
    period = partition.removeprefix(f"{PERIOD}=")
    at, stats = int(file.path.stat().st_mtime * 1000), json.dumps({"numRecords": file.rows})
    return AddAction(f"{partition}/{name}", file.size, {PERIOD: period}, at, True, stats)


def _written(
    table: Table, rows: Mapping[Period, Iterable[pa.RecordBatch]], columns: pa.Schema, content_hash: str
) -> list[Written]:
    """One file per period that has rows; the period is the directory, and no column of it."""
    files, columns = [], pa.schema([field for field in columns if field.name != PERIOD])
    for period, batches in rows.items():
        chosen = (batch.select(columns.names) for batch in batches)
        file = proved_parquet.write(table.path / f"{PERIOD}={period}", columns, chosen, content_hash)
        if file.rows:
            files.append(file)
        else:
            file.path.unlink()
    return files
