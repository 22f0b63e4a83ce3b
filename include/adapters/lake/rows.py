"""Rows of a Delta table by filter, read with DuckDB."""

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from include.adapters.lake.table import Table
from include.contracts.period import Period
from include.contracts.tables import PERIOD, FileRows, RowFilter
from include.formats.content import lake_rows, quoted
from include.formats.database import in_utc

POSITION = ("__file", "file_row_number")
BATCH_ROWS = 65_536
PLACED = ", filename = '__file', file_row_number = true"


def read(table: Table, wanted: RowFilter) -> pa.Table:
    """The rows that meet the filter, in its order, in the table's types."""
    return of(table.schema, table.there.of(wanted.periods), wanted)


def of(every: pa.Schema, stored: Sequence[FileRows], wanted: RowFilter) -> pa.Table:
    """Those of these rows that meet the filter, in its order, in the types of ``every`` column."""
    schema = pa.schema([every.field(name) for name in wanted.columns or every.names])
    with in_utc() as connection:
        connection.register("typed", every.empty_table())  # a file lacks columns that are younger than it
        if stored and wanted.newest is not None:
            files = {row[0] for row in _query(connection, stored, wanted, POSITION[:1]).fetchall()}
            stored = [one for one in stored if one.file in files]
        if not stored:
            return schema.empty_table()
        return _query(connection, stored, wanted, schema.names).to_arrow_table().cast(schema)


def batches(table: Table, wanted: RowFilter) -> Iterator[pa.RecordBatch]:
    """The rows that meet the filter as they were written, ``BATCH_ROWS`` at a time, in the table's types."""
    stored = table.there.of(wanted.periods)
    schema = pa.schema([table.schema.field(name) for name in wanted.columns or table.schema.names])
    with in_utc() as connection:
        connection.register("typed", table.schema.empty_table())
        if stored:
            for batch in _query(connection, stored, wanted, schema.names).to_arrow_reader(BATCH_ROWS):
                yield batch.cast(schema)


def left(table: Table, predicate: str) -> dict[Period, pa.Table]:
    """What is left of each period that loses rows; no file is read when the period alone decides."""
    periods, schema = list(table.counts()), table.schema
    with in_utc() as connection:
        query = f"SELECT {PERIOD} FROM (SELECT unnest($periods::VARCHAR[]) AS {PERIOD}) WHERE {predicate}"  # noqa: S608
        try:
            gone = connection.sql(query, params={"periods": periods}).fetchall()
            return {Period(period): schema.empty_table() for (period,) in gone}
        except duckdb.BinderException:  # it names other columns
            return _kept(connection, table, predicate)


def _kept(connection: duckdb.DuckDBPyConnection, table: Table, predicate: str) -> dict[Period, pa.Table]:
    """Of each period that has rows that meet the predicate, the others."""
    connection.register("typed", table.schema.empty_table())
    stored = table.there.of()
    there = f"(SELECT * FROM typed UNION ALL BY NAME FROM {lake_rows(stored)})" if stored else "typed"  # noqa: S608
    query = f"SELECT DISTINCT {PERIOD} FROM {there} WHERE coalesce(({predicate}), false)"  # noqa: S608
    touched = sorted(Period(period) for (period,) in connection.sql(query).fetchall())
    kept = {}
    for period in touched:
        rows = read(table, RowFilter(periods=[period]))
        connection.register("there", rows)
        others = connection.sql(f"SELECT * FROM there WHERE NOT coalesce(({predicate}), false)")  # noqa: S608
        kept[period] = others.to_arrow_table().cast(rows.schema)
    return kept


def _query(
    connection: duckdb.DuckDBPyConnection, stored: Sequence[FileRows], wanted: RowFilter, columns: Sequence[str]
) -> duckdb.DuckDBPyRelation:
    meets, values = _conditions(wanted)
    there = f"SELECT * FROM typed UNION ALL BY NAME FROM {lake_rows(stored, PLACED)}"  # noqa: S608
    rows = f"SELECT * FROM ({there}) WHERE {meets}"  # noqa: S608
    by = [quoted(name) for name in (*wanted.order, *POSITION)]
    if wanted.newest is not None:
        rows += f" ORDER BY {', '.join(f'{name} DESC' for name in by)} LIMIT {wanted.newest}"
    order = f"ORDER BY {', '.join(by)}" if wanted.order else ""
    query = f"SELECT {', '.join(map(quoted, columns))} FROM ({rows}) {order}"  # noqa: S608
    return connection.sql(query, params=values)


def _conditions(wanted: RowFilter) -> tuple[str, dict[str, Any]]:
    """SQL of what rows must meet, and the values that it names."""
    bounds = [f"{quoted(name)} >= $least{i}" for i, name in enumerate(wanted.at_least)]
    bounds += [f"{quoted(name)} < $below{i}" for i, name in enumerate(wanted.below)]
    equals = [
        f"list_contains($equal{i}, {quoted(name)})" if isinstance(value, list) else f"{quoted(name)} = $equal{i}"
        for i, (name, value) in enumerate(wanted.equal.items())
    ]
    values = {f"least{i}": value for i, value in enumerate(wanted.at_least.values())}
    values |= {f"below{i}": value for i, value in enumerate(wanted.below.values())}
    values |= {f"equal{i}": value for i, value in enumerate(wanted.equal.values())}
    return " AND ".join([*bounds, *equals]) or "true", values
