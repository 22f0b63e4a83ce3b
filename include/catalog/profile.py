"""What the values of a table look like, in one scan by DuckDB over its Parquet files; no row leaves it."""

from collections.abc import Collection, Sequence
from typing import Any

import duckdb

from include.contracts.record import Record
from include.contracts.tables import TableState
from include.formats.content import is_nan, parquet_rows, quoted

TOP_VALUES = 5
FEW = 100
"""Up to so many different texts, the most frequent are shown."""


class RewrittenError(Exception):
    """A file of the table is gone: another task replaced it, and what was described is no longer the newest."""


class ColumnProfile(Record):
    """Shares are of the rows, 0 to 1; ``low`` and ``high`` and ``top`` stay empty for a hidden column."""

    name: str
    missing: float
    distinct: int
    low: str = ""
    high: str = ""
    top: list[tuple[str, float]]


def profile(state: TableState, hidden: Collection[str], memory_limit: str = "4GB") -> list[ColumnProfile]:
    """One profile per column of the table, in its order; missing is null, NaN or empty text.

    ``distinct`` is an estimate. Of the ``hidden`` columns nothing is told but how much is missing and how
    many values there are. Raises RewrittenError when a file is gone meanwhile.
    """
    if not state.files or not sum(state.rows.values()):
        return [ColumnProfile(name=name, missing=0.0, distinct=0, top=[]) for name in state.columns]
    with duckdb.connect(config={"memory_limit": memory_limit}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            return [_shown(connection, state, row, hidden) for row in _summary(connection, state)]
        except duckdb.IOException as error:
            raise RewrittenError(f"{state.table} was replaced while it was read") from error


def _summary(connection: duckdb.DuckDBPyConnection, state: TableState) -> list[tuple[str, float, int, Any, Any]]:
    """(name, missing, distinct, low, high) per column, from one scan."""
    present = set(connection.sql(f"SELECT * FROM {parquet_rows(*state.files)} LIMIT 0").columns)  # noqa: S608 - our own files
    there = [name for name in state.columns if name in present]  # a column that no file has yet is missing throughout
    parts = [part for name in there for part in _aggregates(name, state.columns[name])]
    query = f"SELECT count(*), {', '.join(parts)} FROM {parquet_rows(*state.files)}"  # noqa: S608 - names come from the table's schema
    found = connection.execute(query).fetchone()
    assert found is not None  # noqa: S101 - an aggregate has one row
    total, figures = found[0], iter(found[1:])
    known = {name: _row(total, *(next(figures) for _ in range(4))) for name in there}
    return [(name, *known.get(name, (1.0, 0, None, None))) for name in state.columns]


def _row(total: int, missing: int, distinct: int, low: Any, high: Any) -> tuple[float, int, Any, Any]:
    return missing / total, min(distinct, total - missing), low, high  # an estimate may be above what is possible


def _aggregates(name: str, kind: str) -> Sequence[str]:
    column = quoted(name)
    present = f"FILTER (NOT ({_missing(column, kind)}))"
    return (
        f"count(*) FILTER ({_missing(column, kind)})",
        f"approx_count_distinct({column}) {present}",
        f"CAST(min({column}) {present} AS VARCHAR)",
        f"CAST(max({column}) {present} AS VARCHAR)",
    )


def _missing(column: str, kind: str) -> str:
    if kind == "string":
        return f"{column} IS NULL OR {column} = ''"
    return f"{column} IS NULL OR {is_nan(column)}" if kind in ("double", "float") else f"{column} IS NULL"


def _shown(
    connection: duckdb.DuckDBPyConnection,
    state: TableState,
    figures: tuple[str, float, int, Any, Any],
    hidden: Collection[str],
) -> ColumnProfile:
    name, missing, distinct, low, high = figures
    if name in hidden:
        return ColumnProfile(name=name, missing=missing, distinct=distinct, top=[])
    if state.columns[name] != "string":
        return ColumnProfile(name=name, missing=missing, distinct=distinct, low=low or "", high=high or "", top=[])
    top = _top(connection, state, name) if 0 < distinct <= FEW else []
    return ColumnProfile(name=name, missing=missing, distinct=distinct, top=top)


def _top(connection: duckdb.DuckDBPyConnection, state: TableState, name: str) -> list[tuple[str, float]]:
    column = quoted(name)
    query = f"""
        SELECT {column}, count(*) / sum(count(*)) OVER () AS __share FROM {parquet_rows(*state.files)}
        WHERE NOT ({_missing(column, "string")}) GROUP BY 1 ORDER BY __share DESC, 1 LIMIT {TOP_VALUES}
    """  # noqa: S608 - names come from the table's schema
    return connection.execute(query).fetchall()
