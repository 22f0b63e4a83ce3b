"""The content hash of rows, which ignores order, chunks, file and place."""

import glob
import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import duckdb
import pyarrow as pa

from include.contracts.tables import PERIOD, FileRows
from include.formats.database import in_utc

BATCH = 65_536  # rows that are in memory at once
LANES = (1, 17, 33, 49)  # SHA-256 in hexadecimal as four unsigned 64-bit numbers


def content_hash(rows: pa.Table) -> str:
    """The content hash of a table in memory; see ``relation_hash``."""
    with in_utc() as connection:
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
    # execute() plans a query once, sql() twice
    found = connection.execute(
        f"SELECT count(*), {sums} FROM (SELECT sha256({row}) AS digest FROM {relation})"  # noqa: S608
    ).fetchall()[0]
    header = [f"{name}:{schema.field(name).type}" for name in names]
    return hashlib.sha256(repr([header, list(found)]).encode()).hexdigest()


def _with_values(connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    query = f"SELECT {', '.join(f'count({quoted(name)})' for name in names)} FROM {relation}"  # noqa: S608
    return [name for name, count in zip(names, connection.execute(query).fetchall()[0], strict=True) if count]


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


def for_duckdb(file: str | Path) -> str:
    """The path of one file as DuckDB takes it: ``*``, ``?`` and ``[`` in it stand for themselves."""
    return glob.escape(str(file))


def is_nan(column: str) -> str:
    """SQL of whether a floating number is NaN. DuckDB folds isnan() by Parquet's statistics, which leave NaN out."""
    return f"{column} IS NOT DISTINCT FROM 'nan'"


def parquet_rows(*files: str | Path, options: str = "") -> str:
    """SQL of Parquet files as one relation; no directory ``a=1`` of their paths becomes a column."""
    listed = ", ".join("'" + for_duckdb(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false{options})"


def lake_rows(stored: Sequence[FileRows], options: str = "") -> str:
    """SQL of rows of the lake as one relation; ``options`` are further ones of ``read_parquet``."""
    pieces = [_rows_of(list(some), options) for _, some in groupby(stored, key=lambda one: one.periods)]
    return pieces[0] if len(pieces) == 1 else f"({' UNION ALL BY NAME '.join(f'FROM {piece}' for piece in pieces)})"


def _rows_of(stored: Sequence[FileRows], options: str) -> str:
    """SQL of the rows of the same periods in each of these files."""
    rows, periods = parquet_rows(*(one.file for one in stored), options=options), stored[0].periods
    if periods is None:
        return rows
    return f"(SELECT * FROM {rows} WHERE {PERIOD} IN ({', '.join(map(repr, map(str, periods)))}))"  # noqa: S608


def quoted(name: str) -> str:
    """A column name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'
