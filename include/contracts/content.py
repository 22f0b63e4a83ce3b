"""Stored types and content hash of rows; both ignore order, chunks, file and place."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.contracts.names import RESERVED, column_faults
from include.contracts.period import Period
from include.contracts.tables import PERIOD
from include.errors import DataError, NotFoundError

BATCH = 65_536  # rows that are in memory at once
LANES = (1, 17, 33, 49)  # SHA-256 in hexadecimal as four unsigned 64-bit numbers


def content_hash(rows: pa.Table) -> str:
    """The content hash of a table in memory; see ``relation_hash``."""
    with duckdb.connect() as connection:
        connection.register("given", rows)
        return relation_hash(connection, "given", rows.schema)


def relation_hash(connection: duckdb.DuckDBPyConnection, relation: str, schema: pa.Schema) -> str:
    """SHA-256 over column names and types, the number of rows and the sum of the rows' own SHA-256.

    A sum does not depend on the order and counts duplicates; the four 64-bit lanes of a row's hash are added exactly
    (128-bit sums), so one pass in constant memory is enough. Null, NaN and the empty text differ from each other; all
    NaN are equal, and so are 0.0 and -0.0. ``period`` is left out: it is where the rows are, not what they say. So is a
    column without any value: a period that was published before a column existed keeps its hash.

    Parameters
    ----------
    relation
        what stands after FROM: a view, or ``read_parquet(…)``.
    schema
        types of its columns, as the lake stores them.
    """
    names = _with_values(connection, relation, sorted(n for n in schema.names if n != PERIOD))
    row = f"concat({', '.join([_text(schema.field(n)) for n in names] or [repr('')])})"
    sums = ", ".join(f"sum(('0x' || digest[{i}:{i + 15}])::UBIGINT::HUGEINT)" for i in LANES)
    found = connection.sql(
        f"SELECT count(*), {sums} FROM (SELECT sha256({row}) AS digest FROM {relation})"  # noqa: S608
    ).fetchall()[0]
    header = [f"{name}:{schema.field(name).type}" for name in names]
    return hashlib.sha256(repr([header, list(found)]).encode()).hexdigest()


def _with_values(connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    query = f"SELECT {', '.join(f'count({quoted(name)})' for name in names)} FROM {relation}"  # noqa: S608
    return [name for name, count in zip(names, connection.sql(query).fetchall()[0], strict=True) if count]


def _text(field: pa.Field) -> str:
    """SQL for a value as text that no other value of the type has; null is a text of its own."""
    name, kind = quoted(field.name), field.type
    if pa.types.is_timestamp(kind):
        return _or_null(f"epoch_us({name}::{'TIMESTAMPTZ' if kind.tz else 'TIMESTAMP'})")  # of any unit
    if pa.types.is_floating(kind):
        return _or_null(f"CASE WHEN {name} = 0 THEN 0 WHEN isnan({name}) THEN 'nan' ELSE {name} END")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return f"coalesce(strlen({name}::VARCHAR) || ':' || {name}::VARCHAR, '-') || ','"
    if pa.types.is_binary(kind):
        return _or_null(f"hex({name})", null="-")
    if pa.types.is_nested(kind):
        return f"coalesce(strlen(to_json({name})::VARCHAR) || ':' || to_json({name})::VARCHAR, '-') || ','"
    return _or_null(name)


def _or_null(value: str, null: str = "") -> str:
    return f"coalesce(({value})::VARCHAR, '{null}') || ','"


def quoted(name: str) -> str:
    """A column name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'


class Rows:
    """Rows to publish, in the types that Delta stores, so that what is hashed is what is read back."""

    def __init__(self, rows: pa.Table | Path, what: str) -> None:
        self._given, self.what = rows, what
        try:
            schema = rows.schema if isinstance(rows, pa.Table) else pq.read_schema(rows)
            self.rows = rows.num_rows if isinstance(rows, pa.Table) else pq.read_metadata(rows).num_rows
        except FileNotFoundError as error:
            raise NotFoundError(f"{what}: there is no file {rows} to publish") from error
        except pa.ArrowInvalid as error:
            raise DataError(f"{what}: {rows} is not a Parquet file: {error}; stage it again") from error
        self.schema = stored_schema(pa.schema([field for field in schema if field.name != PERIOD]))

    def require_names(self, period: Period) -> None:
        """Raises DataError when no table may have such columns, or a column ``period`` says another period than this.

        The lake has a column ``period`` of its own.
        """
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

    def content_hash(self) -> str:
        with in_utc() as connection:
            if isinstance(self._given, pa.Table):
                connection.register("given", self._given)
            else:
                connection.read_parquet(str(self._given), hive_partitioning=False).create_view("given")
            return relation_hash(connection, "given", self.schema)

    def batches(self, period: Period) -> pa.RecordBatchReader:
        """All rows with their ``period``, a batch at a time."""
        schema = with_period(self.schema)

        def each() -> Iterator[pa.RecordBatch]:
            for batch in self._pieces():
                rows = pa.Table.from_batches([batch]).select(self.schema.names).cast(self.schema)
                column = pa.array([period] * rows.num_rows, pa.string())
                yield from rows.append_column(schema.field(PERIOD), column).to_batches()

        return pa.RecordBatchReader.from_batches(schema, each())

    def _pieces(self) -> Iterator[pa.RecordBatch]:
        if isinstance(self._given, pa.Table):
            yield from self._given.to_batches(max_chunksize=BATCH)
            return
        with pq.ParquetFile(self._given) as file:
            yield from file.iter_batches(BATCH)


def in_utc() -> duckdb.DuckDBPyConnection:
    """DuckDB, whose times of day are UTC's."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def with_period(schema: pa.Schema) -> pa.Schema:
    """The schema with the partition's column."""
    return schema if PERIOD in schema.names else schema.append(pa.field(PERIOD, pa.string()))


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """The types in which Delta stores these columns."""
    return pa.schema([pa.field(field.name, _stored(field.type)) for field in schema])


def _stored(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_dictionary(kind):
        return _stored(kind.value_type)
    return kind
