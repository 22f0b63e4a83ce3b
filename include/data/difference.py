"""What changed from one snapshot to another: rows by key, schema, distributions; in DuckDB, on the lake's files."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import numpy as np
from pydantic import Field

from include.contracts.names import OURS
from include.contracts.record import Record
from include.contracts.tables import PERIOD, SnapshotRef
from include.evaluation.divergence import Divergence, between
from include.evaluation.histograms import Paired, paired_levels
from include.formats.content import lake_rows, quoted
from include.ports.lake import Lake
from include.specification.usecase import UseCase

SHARES = [round(0.1 * i, 1) for i in range(1, 10)]
BEFORE, AFTER, HERE, SIDE = (f"{OURS}{word}" for word in ("before", "after", "here", "side"))
VALID_FROM = "event_timestamp"


class TableDifference(Record):
    """Two versions of one table; counts and names only, never values.

    Without a unique ``key`` a changed row counts as one removed and one added. ``changed_columns`` counts the
    changed rows per column, ``psi`` is the population stability index of the columns in both (above 0.25 is
    usually called a shift), ``noise`` what chance alone makes of it once in a thousand times: less is no shift.
    """

    table: str
    key: list[str]
    before: int
    after: int
    added: int
    removed: int
    changed: int = 0
    changed_columns: dict[str, int] = Field(default_factory=dict)
    columns_added: list[str] = Field(default_factory=list)
    columns_removed: list[str] = Field(default_factory=list)
    columns_retyped: dict[str, str] = Field(default_factory=dict)
    psi: dict[str, float] = Field(default_factory=dict)
    noise: dict[str, float] = Field(default_factory=dict)

    @property
    def same(self) -> bool:
        schema = self.columns_added or self.columns_removed or self.columns_retyped
        return not (self.added or self.removed or self.changed or schema)


def compare(
    spec: UseCase, lake: Lake, before: SnapshotRef, after: SnapshotRef, memory_limit: str = "2GB"
) -> list[TableDifference]:
    """The differences of all tables, by name; memory beyond ``memory_limit`` spills to disk.

    A table that only one of them has counts as all rows added or removed.
    Raises NotFoundError when a version's files are gone.
    """
    return [
        _one_sided(table, before, after)
        if table not in before.tables or table not in after.tables
        else _table(spec, lake, table, before, after, memory_limit)
        for table in sorted({*before.tables, *after.tables})
    ]


def table_key(spec: UseCase, table: str, columns: Sequence[str]) -> list[str]:
    """The columns that make a row of a table unique; [] where the spec does not say."""
    if table in spec.tables and spec.tables[table].key:
        return spec.tables[table].key
    if table in spec.feature_views:
        return [spec.entities[spec.feature_views[table].entity].key, VALID_FROM]
    key = [spec.event.id] if table == "events" else spec.sources[table].key if table in spec.sources else []
    return key if set(key) <= set(columns) else []


def _one_sided(table: str, before: SnapshotRef, after: SnapshotRef) -> TableDifference:
    gone, new = (s.tables[table].rows if table in s.tables else 0 for s in (before, after))
    return TableDifference(table=table, key=[], before=gone, after=new, added=new, removed=gone)


def _table(
    spec: UseCase, lake: Lake, table: str, before: SnapshotRef, after: SnapshotRef, memory_limit: str
) -> TableDifference:
    rows = {"before": before.tables[table].rows, "after": after.tables[table].rows}
    if before.tables[table].content_hash == after.tables[table].content_hash:
        return TableDifference(table=table, key=[], added=0, removed=0, **rows)
    with _both(lake, table, before, after, memory_limit) as connection:
        old, new = (_columns(connection, side) for side in (BEFORE, AFTER))
        shared = [name for name in old if name in new]
        key = table_key(spec, table, shared)
        key = key if key and all(_unique(connection, side, key) for side in (BEFORE, AFTER)) else []
        others = {name: old[name] == new[name] for name in shared if name not in key}
        both = {n: old[n] for n, same in others.items() if same} if all(rows.values()) else {}
        shifts = _shifts(connection, both)
        return TableDifference(
            table=table,
            key=key,
            **rows,
            **(_by_key(connection, key, others) if key else _by_row(connection, shared)),
            columns_added=[name for name in new if name not in old],
            columns_removed=[name for name in old if name not in new],
            columns_retyped={n: f"{old[n]} → {new[n]}" for n in shared if old[n] != new[n]},
            psi={name: round(shift.psi, 4) for name, shift in shifts.items()},
            noise={name: round(shift.floor, 4) for name, shift in shifts.items()},
        )


@contextmanager
def _both(
    lake: Lake, table: str, before: SnapshotRef, after: SnapshotRef, memory_limit: str
) -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory(prefix="moebius-diff-") as spill, duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = 'UTC'; SET memory_limit = '{memory_limit}'; SET temp_directory = '{spill}'")
        for side, snapshot in ((BEFORE, before), (AFTER, after)):
            ref = snapshot.tables[table]
            if rows := lake.pinned(snapshot.usecase, table, {snapshot.period: ref}):
                connection.sql(f"FROM {lake_rows(rows)}").create_view(side)
            else:
                connection.register(side, lake.schema(snapshot.usecase, table, ref.version).empty_table())
        yield connection


def _columns(connection: duckdb.DuckDBPyConnection, side: str) -> dict[str, str]:
    """Column to DuckDB type. One without any value counts as not there, as it does for the content hash."""
    types = {name: kind for name, kind, *_ in connection.sql(f"DESCRIBE {side}").fetchall() if name != PERIOD}
    counts = ", ".join(f"count({quoted(name)})" for name in types)
    rows, *filled = connection.sql(f"SELECT count(*), {counts} FROM {side}").fetchall()[0]  # noqa: S608
    return {name: kind for (name, kind), count in zip(types.items(), filled, strict=True) if count or not rows}


def _unique(connection: duckdb.DuckDBPyConnection, side: str, key: Sequence[str]) -> bool:
    names = ", ".join(map(quoted, key))
    query = f"SELECT (SELECT count(*) FROM {side}), (SELECT count(*) FROM (SELECT DISTINCT {names} FROM {side}))"  # noqa: S608
    rows, distinct = connection.sql(query).fetchall()[0]
    return rows == distinct


def _by_key(connection: duckdb.DuckDBPyConnection, key: Sequence[str], others: Mapping[str, bool]) -> dict:
    """``others`` says of each column whether it has the same type on both sides; else their texts are compared."""
    on = " AND ".join(f"b.{quoted(k)} IS NOT DISTINCT FROM a.{quoted(k)}" for k in key)
    as_text = {name: "" if same else "::VARCHAR" for name, same in others.items()}
    differs = {n: f"b.{quoted(n)}{cast} IS DISTINCT FROM a.{quoted(n)}{cast}" for n, cast in as_text.items()}
    changes = [f"({' OR '.join(differs.values()) or 'false'})", *differs.values()]
    there = f"b.{HERE} AND a.{HERE}"
    conditions = [f"b.{HERE} IS NULL", f"a.{HERE} IS NULL", *(f"{there} AND {change}" for change in changes)]
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions)
    query = f"""
        SELECT {counts} FROM (SELECT *, true AS {HERE} FROM {BEFORE}) b
        FULL JOIN (SELECT *, true AS {HERE} FROM {AFTER}) a ON {on}
    """  # noqa: S608 - column names, quoted
    added, removed, changed, *each = connection.sql(query).fetchall()[0]
    columns = {name: count for name, count in zip(others, each, strict=True) if count}
    return {"added": added, "removed": removed, "changed": changed, "changed_columns": columns}


def _by_row(connection: duckdb.DuckDBPyConnection, shared: Sequence[str]) -> dict:
    names = ", ".join(map(quoted, shared))
    query = f"""
        SELECT coalesce(sum(greatest(n, 0)), 0)::BIGINT, coalesce(sum(greatest(-n, 0)), 0)::BIGINT FROM (
            SELECT sum({SIDE}) AS n
            FROM (SELECT {names}, 1 AS {SIDE} FROM {AFTER} UNION ALL SELECT {names}, -1 FROM {BEFORE})
            GROUP BY {names})
    """  # noqa: S608 - column names, quoted
    added, removed = connection.sql(query).fetchall()[0]
    return {"added": added, "removed": removed}


def _shifts(connection: duckdb.DuckDBPyConnection, columns: dict[str, str]) -> dict[str, Divergence]:
    ordered = {n: kind for n, kind in columns.items() if kind.startswith(("TIMESTAMP", "DATE")) or _is_number(kind)}
    shifts = _numeric_shifts(connection, ordered) if ordered else {}
    shifts |= {n: _text_shift(connection, n) for n, kind in columns.items() if kind == "VARCHAR"}
    return {name: shifts[name] for name in columns if name in shifts}


def _is_number(kind: str) -> bool:
    return kind.endswith(("INT", "INTEGER")) or kind.startswith(("DECIMAL", "DOUBLE", "FLOAT", "BOOLEAN"))


def _number(name: str, kind: str) -> str:
    """The value as a number that has an order; NaN has none (``isnan`` trusts statistics that leave NaN out)."""
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"epoch({quoted(name)})::DOUBLE"
    value = f"{quoted(name)}::DOUBLE"
    return f"CASE WHEN isfinite({value}) OR isinf({value}) THEN {value} END"


def _numeric_shifts(connection: duckdb.DuckDBPyConnection, columns: dict[str, str]) -> dict[str, Divergence]:
    """Bins are cut at the ends and deciles of before; each cut is a bin too, for columns that are mostly one value."""
    values = {name: _number(name, kind) for name, kind in columns.items()}
    cuts = ", ".join(map(_cuts, values.values()))
    connection.execute("SET threads = 1")  # else an approximate quantile depends on which thread is first
    measured = connection.sql(f"SELECT {cuts} FROM {BEFORE}").fetchall()[0]  # noqa: S608
    connection.execute("RESET threads")
    edges = {n: sorted({cut for cut in mine if cut is not None}) for n, mine in zip(columns, measured, strict=True)}
    old, new = (_binned(connection, side, values, edges) for side in (BEFORE, AFTER))
    return {n: between(Paired(old[n], new[n], int(old[n].sum()), int(new[n].sum()))) for n in columns}


def _cuts(value: str) -> str:
    finite = f"FILTER (isfinite({value}))"
    ends = f"[min({value}) {finite}, max({value}) {finite}]"
    return f"list_concat({ends}, approx_quantile({value}, {SHARES}) {finite})"


def _binned(
    connection: duckdb.DuckDBPyConnection, side: str, values: dict[str, str], edges: dict[str, list[float]]
) -> dict[str, np.ndarray]:
    """Rows per bin and column, from below the lowest cut to above the highest, then NaN, then missing; in one scan."""
    measures = {name: _bin_counts(name, value, edges[name]) for name, value in values.items()}
    every = ", ".join(count for counts in measures.values() for count in counts)
    row = iter(connection.sql(f"SELECT {every} FROM {side}").fetchall()[0])  # noqa: S608 - column names, quoted
    return {name: np.diff([0, *(next(row) for _ in counts)]) for name, counts in measures.items()}


def _bin_counts(name: str, value: str, edges: Sequence[float]) -> list[str]:
    """SQL of the rows up to the end of each bin, NaN among them, missing values last."""
    cuts = [f"{value} {operator} {edge!r}::DOUBLE" for edge in edges for operator in ("<", "<=")]
    counts = [f"count(*) FILTER ({cut})" for cut in cuts]
    return [*counts, f"count({value})", f"count({quoted(name)})", "count(*)"]


def _text_shift(connection: duckdb.DuckDBPyConnection, name: str) -> Divergence:
    """Only counts leave DuckDB: rows by value on both sides, and rows without one."""
    column = quoted(name)
    query = f"""
        SELECT count(*) FILTER (__old) AS old, count(*) FILTER (NOT __old) AS new, {column} IS NULL AS gone
        FROM (SELECT {column}, true AS __old FROM {BEFORE} UNION ALL SELECT {column}, false FROM {AFTER})
        GROUP BY {column} ORDER BY {column}
    """  # noqa: S608 - column names, quoted
    old, new, gone = (column.to_numpy() for column in connection.sql(query).to_arrow_table().columns)
    levels = np.array([old, new])
    return between(paired_levels(levels[:, ~gone], (int(old[gone].sum()), int(new[gone].sum()))))
