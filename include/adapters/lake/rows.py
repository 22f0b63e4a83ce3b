"""Rows of a Delta table by filter, read with DuckDB."""

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from include.adapters.lake.table import Table
from include.contracts.period import Period
from include.contracts.tables import PERIOD, RowFilter
from include.formats.content import PARTITIONS, for_duckdb, in_utc, quoted

POSITION = ("__file", "file_row_number")


def read(table: Table, wanted: RowFilter) -> pa.Table:
    """The rows that meet the filter, in its order, in the table's types."""
    every, files = table.schema, table.files(wanted.periods)
    schema = pa.schema([every.field(name) for name in wanted.columns or every.names])
    with in_utc() as connection:
        connection.register("typed", every.empty_table())  # a file lacks columns that are younger than it
        if files and wanted.newest is not None:
            files = sorted({row[0] for row in _query(connection, files, wanted, POSITION[:1]).fetchall()})
        if not files:
            return schema.empty_table()
        return _query(connection, files, wanted, schema.names).to_arrow_table().cast(schema)


def left(table: Table, predicate: str) -> dict[Period, pa.Table]:
    """What is left of each period that loses rows; no file is read when the period alone decides."""
    periods, schema = list(table.counts()), table.schema
    with in_utc() as connection:
        query = f"SELECT {PERIOD} FROM (SELECT unnest($periods::VARCHAR[]) AS {PERIOD}) WHERE {predicate}"  # noqa: S608
        try:
            gone = connection.sql(query, params={"periods": periods}).fetchall()
            return {Period(period): schema.empty_table() for (period,) in gone}
        except duckdb.BinderException:  # it names other columns
            kept = ((period, *_kept(connection, table, period, predicate)) for period in periods)
            return {period: rows for period, rows, touched in kept if touched}


def _kept(connection: duckdb.DuckDBPyConnection, table: Table, period: Period, predicate: str) -> tuple[pa.Table, bool]:
    """The rows of a period that do not meet the predicate, and whether others do."""
    rows = read(table, RowFilter(periods=[period]))
    connection.register("there", rows)
    kept = connection.sql(f"SELECT * FROM there WHERE NOT coalesce(({predicate}), false)").to_arrow_table()  # noqa: S608
    return kept.cast(rows.schema), kept.num_rows < rows.num_rows


def _query(
    connection: duckdb.DuckDBPyConnection, files: list[str], wanted: RowFilter, columns: Sequence[str]
) -> duckdb.DuckDBPyRelation:
    meets, values = _conditions(wanted)
    rows = f"SELECT * FROM (SELECT * FROM typed UNION ALL BY NAME SELECT * FROM {PARTITIONS}) WHERE {meets}"  # noqa: S608
    by = [quoted(name) for name in (*wanted.order, *POSITION)]
    if wanted.newest is not None:
        rows += f" ORDER BY {', '.join(f'{name} DESC' for name in by)} LIMIT {wanted.newest}"
    order = f"ORDER BY {', '.join(by)}" if wanted.order else ""
    query = f"SELECT {', '.join(map(quoted, columns))} FROM ({rows}) {order}"  # noqa: S608
    return connection.sql(query, params={"files": list(map(for_duckdb, files)), **values})


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
