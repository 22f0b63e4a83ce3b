"""Expectations evaluated by DuckDB over a Parquet file, in one scan and bounded memory (fulfils ports.RowScan).

All of a table's checks are one query; uniqueness takes one more, on hashes of the key, and an exact look at the
rows whose hashes meet. The meaning of each check is that of Great Expectations' pandas engine, which reads NaN and
NULL alike; tests/integration/test_scan.py compares both on random data.

A row's name is the SHA-256 of its content and the number of the copy: ``<hash>-<n>``.
"""

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.content import quoted
from include.contracts.quality import Check, CheckOutcome
from include.ports.outcomes import broken, judged

RENAMED = (
    "CREATE VIEW t AS SELECT {columns}, file_row_number AS __row FROM read_parquet({file}, file_row_number = true)"
)
MARK = ", __row IN (SELECT __row FROM {name}) AS __{name}"
MARKED = "CREATE VIEW marked AS SELECT *{marks} FROM t"
MEASURED = "SELECT {measures} FROM {view}"
NAMED = """
    SELECT __row, content || '-' || row_number() OVER (PARTITION BY content ORDER BY __row) AS name
    FROM (SELECT __row, sha256({content}) AS content FROM t WHERE {where})
"""
LISTED = "CREATE TEMP TABLE {into} AS SELECT __row FROM ({named}) WHERE name IN (SELECT name FROM wanted)"
# which rows share a key: first by hash, which is small, then exactly among those whose hashes meet
REPEATED = """
    CREATE TEMP TABLE {into} AS
    WITH meeting AS (SELECT hash({key}) AS h FROM t WHERE {considered} GROUP BY h HAVING count(*) > 1),
    grouped AS (
        SELECT __row, count(*) OVER same AS copies, row_number() OVER (same ORDER BY __row) AS copy,
               min({content}) OVER same <> max({content}) OVER same AS differ
        FROM t WHERE {considered} AND hash({key}) IN (SELECT h FROM meeting) WINDOW same AS (PARTITION BY {key})
    )
    SELECT __row, differ OR copy > 1 AS held FROM grouped WHERE copies > 1
"""
ONLY_HELD = "DELETE FROM {into} WHERE NOT held"
FAILING = """
    WITH broken AS (
        SELECT __row, concat_ws('; ', {reasons}) AS reasons, {content} AS content FROM marked
        WHERE {any} ORDER BY __row LIMIT {limit}
    )
    SELECT names.name AS row, reasons, content
    FROM broken JOIN names USING (__row) ORDER BY __row
"""
BROKEN_CONTENT = "SELECT DISTINCT sha256({content}) FROM marked WHERE {any}"


@dataclass(frozen=True)
class Rule:
    """A check as SQL: what is measured, and what the measures say: (unexpected, passed, observed).

    ``bad`` is the predicate of the rows that break it, for a check of rows.
    """

    measures: list[str]
    judge: Callable[[list[Any]], tuple[int, bool, Any]]
    bad: str | None = None


@dataclass
class Table:
    """An open Parquet file: the view ``t`` has NULL for NaN and each row's position."""

    connection: duckdb.DuckDBPyConnection
    schema: pa.Schema
    rows: int
    accepted: bool = False
    repeated: dict[str, str] = field(default_factory=dict)

    def kind(self, column: str) -> pa.DataType:
        return self.schema.field(column).type

    def ask(self, query: str) -> list[tuple]:
        """Run one statement to its end."""
        return self.connection.execute(query).fetchall()

    def has_nulls(self, column: str) -> bool:
        return self.ask(MEASURED.format(measures=f"count({quoted(column)})", view="t"))[0][0] < self.rows

    @property
    def content(self) -> str:
        """The row as JSON, whatever the order of the columns."""
        return f"to_json(struct_pack({', '.join(f'{quoted(c)} := {quoted(c)}' for c in sorted(self.schema.names))}))"


class ParquetScan:
    """``memory_limit`` is what DuckDB may take; what exceeds it spills beside the file."""

    def __init__(self, memory_limit: str = "4GB") -> None:
        self._memory_limit = memory_limit

    def unknown(self, file: Path, checks: Sequence[Check]) -> list[Check]:
        """Checks that have no rule here: of an unknown type, with unknown arguments, or on a column they don't fit."""
        with self._open(file) as table:
            return [c for c in checks if not _known(c, table)]

    def outcomes(
        self, file: Path, checks: Sequence[Check], accepted: Collection[str] = frozenset()
    ) -> list[CheckOutcome]:
        """One outcome per check; one that crashes is ``broken`` and takes no other with it."""
        with self._open(file) as table:
            rules = self._prepared(table, checks, accepted)
            try:
                measured = _measured(table, rules)
            except duckdb.Error:
                measured = [_measured_alone(table, rule) for rule in rules]
            return [_outcome(*each, table.rows) for each in zip(checks, rules, measured, strict=True)]

    def failing(self, file: Path, checks: Sequence[Check], accepted: Collection[str], limit: int) -> pa.Table:
        """Rows that break one of the checks, first ones first; of exact copies the first is not among them."""
        with self._open(file) as table:
            rules = self._prepared(table, checks, accepted, held=True)
            bad = [(_label(c), r.bad) for c, r in zip(checks, rules, strict=True) if r.bad]
            if not bad:
                return pa.table({name: pa.array([], pa.string()) for name in ("row", "reasons", "content")})
            either = " OR ".join(f"({predicate})" for _, predicate in bad)
            reasons = ", ".join(f"CASE WHEN {predicate} THEN {_text(label)} END" for label, predicate in bad)
            return _failing(table, either, reasons, limit)

    def remove(self, file: Path, rows: Collection[str]) -> int:
        """Take rows out of the file, in one step; the others keep their order and types."""
        if not rows:
            return 0
        with self._open(file) as table:
            _list(table, "dropped", rows)
            positions = [row for (row,) in table.ask("SELECT __row FROM dropped")]
        if positions:
            _rewrite(file, np.asarray(positions))
        return len(positions)

    def _prepared(
        self, table: Table, checks: Sequence[Check], accepted: Collection[str], held: bool = False
    ) -> list[Rule]:
        """The rules of the checks, on the view ``marked``: rows with what is known of each."""
        if accepted:
            _list(table, "accepted", accepted)
            table.accepted = True
        for number, check in enumerate(c for c in checks if c.type in UNIQUE):
            table.repeated[check.id] = f"repeated{number}"
            _find_repeated(table, check, held or bool(accepted))
        marks = [MARK.format(name=name) for name in table.repeated.values()]
        marks += [MARK.format(name="accepted")] if accepted else []
        table.ask(MARKED.format(marks="".join(marks)))
        return [RULES[c.type][1](c, table) for c in checks]

    @contextmanager
    def _open(self, file: Path) -> Iterator[Table]:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".scan-") as spill, duckdb.connect() as connection:
            table = Table(connection, pq.read_schema(file), pq.read_metadata(file).num_rows)
            settings = {"TimeZone": "UTC", "memory_limit": self._memory_limit, "temp_directory": spill}
            for name, value in settings.items():
                table.ask(f"SET {name} = {_text(value)}")
            columns = ", ".join(map(_without_nan, table.schema))
            table.ask(RENAMED.format(columns=columns, file=_text(str(file))))
            yield table


# -- rules: what each expectation means
def _not_null(check: Check, table: Table) -> Rule:
    return _of_rows(check, table, "TRUE", f"{_column(check)} IS NULL")


def _null(check: Check, table: Table) -> Rule:
    return _of_rows(check, table, "TRUE", f"{_column(check)} IS NOT NULL")


def _between(check: Check, table: Table) -> Rule:
    return _of_values(check, table, _within(_column(check), check.kwargs))


def _in_set(check: Check, table: Table) -> Rule:
    return _of_values(check, table, _among(_column(check), check.kwargs["value_set"]))


def _not_in_set(check: Check, table: Table) -> Rule:
    return _of_values(check, table, f"NOT {_among(_column(check), check.kwargs['value_set'])}")


def _matches(check: Check, table: Table) -> Rule:
    return _of_values(check, table, _found(check, table))


def _matches_not(check: Check, table: Table) -> Rule:
    return _of_values(check, table, f"NOT {_found(check, table)}")


def _greater(check: Check, table: Table) -> Rule:
    a, b = map(quoted, check.columns)
    return _of_rows(
        check, table, _both(check), f"NOT coalesce({a} {'>=' if check.kwargs.get('or_equal') else '>'} {b}, FALSE)"
    )


def _equal(check: Check, table: Table) -> Rule:
    a, b = map(quoted, check.columns)
    return _of_rows(check, table, _both(check), f"NOT coalesce({a} = {b}, FALSE)")


def _unique(check: Check, table: Table) -> Rule:
    rule = _of_rows(check, table, _keyed(check), f"__{table.repeated[check.id]}")
    if "column" in check.kwargs:
        return rule
    return Rule(rule.measures, lambda seen: _mostly(check, table.rows, seen[1]), rule.bad)


def _row_count(check: Check, table: Table) -> Rule:
    return Rule([], lambda _: (0, _inside(table.rows, check.kwargs), table.rows))


def _columns(check: Check, table: Table) -> Rule:
    there, wanted = set(table.schema.names), set(check.kwargs["column_set"] or [])
    passed = there == wanted if check.kwargs.get("exact_match", True) else wanted <= there
    return Rule([], lambda _: (0, passed, sorted(there)))


def _type(check: Check, table: Table) -> Rule:
    found = _pandas_type(table, check.columns[0])
    if found != "object":
        return Rule([], lambda _: (0, found in check.kwargs["type_list"], found))
    if "str" in check.kwargs["type_list"]:
        return _of_rows(check, table, f"{_column(check)} IS NOT NULL", "FALSE")
    return _of_rows(check, table, f"{_column(check)} IS NOT NULL", f"{_column(check)} IS NOT NULL")


def _aggregate(function: str) -> Callable[[Check, Table], Rule]:
    def rule(check: Check, table: Table) -> Rule:
        return Rule([f"{function}{_column(check)})"], lambda seen: (0, _inside(seen[0], check.kwargs), seen[0]))

    return rule


def _distinct(contain: bool, only: bool) -> Callable[[Check, Table], Rule]:
    def rule(check: Check, table: Table) -> Rule:
        column, wanted = _column(check), check.kwargs["value_set"]
        among = _among(column, wanted)
        measures = [f"count(DISTINCT {column}) FILTER ({among})", f"count(DISTINCT {column}) FILTER (NOT {among})"]
        size = len({v for v in wanted if v is not None})

        def judge(seen: list[Any]) -> tuple[int, bool, Any]:
            others = seen[1] if only else 0
            return others, others == 0 and (seen[0] == size or not contain), None

        return Rule(measures, judge)

    return rule


UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
BOUNDS = {"min_value", "max_value", "strict_min", "strict_max"}
RULES: dict[str, tuple[set[str], Callable[[Check, Table], Rule]]] = {
    "expect_column_values_to_not_be_null": ({"column", "mostly"}, _not_null),
    "expect_column_values_to_be_null": ({"column", "mostly"}, _null),
    "expect_column_values_to_be_between": ({"column", "mostly", *BOUNDS}, _between),
    "expect_column_values_to_be_in_set": ({"column", "mostly", "value_set"}, _in_set),
    "expect_column_values_to_not_be_in_set": ({"column", "mostly", "value_set"}, _not_in_set),
    "expect_column_values_to_match_regex": ({"column", "mostly", "regex"}, _matches),
    "expect_column_values_to_not_match_regex": ({"column", "mostly", "regex"}, _matches_not),
    "expect_column_values_to_be_unique": ({"column", "mostly"}, _unique),
    "expect_compound_columns_to_be_unique": ({"column_list", "mostly", "ignore_row_if"}, _unique),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        {"column_A", "column_B", "or_equal", "mostly", "ignore_row_if"},
        _greater,
    ),
    "expect_column_pair_values_to_be_equal": ({"column_A", "column_B", "mostly", "ignore_row_if"}, _equal),
    "expect_column_values_to_be_in_type_list": ({"column", "mostly", "type_list"}, _type),
    "expect_table_row_count_to_be_between": (BOUNDS, _row_count),
    "expect_table_columns_to_match_set": ({"column_set", "exact_match"}, _columns),
    "expect_column_mean_to_be_between": ({"column", *BOUNDS}, _aggregate("avg(")),
    "expect_column_min_to_be_between": ({"column", *BOUNDS}, _aggregate("min(")),
    "expect_column_max_to_be_between": ({"column", *BOUNDS}, _aggregate("max(")),
    "expect_column_unique_value_count_to_be_between": ({"column", *BOUNDS}, _aggregate("count(DISTINCT ")),
    "expect_column_distinct_values_to_contain_set": ({"column", "value_set"}, _distinct(True, False)),
    "expect_column_distinct_values_to_be_in_set": ({"column", "value_set"}, _distinct(False, True)),
    "expect_column_distinct_values_to_equal_set": ({"column", "value_set"}, _distinct(True, True)),
}


def _known(check: Check, table: Table) -> bool:
    given = {name for name, value in check.kwargs.items() if value is not None}
    if check.type not in RULES or not given <= RULES[check.type][0]:
        return False
    if any(pa.types.is_dictionary(t) or pa.types.is_nested(t) for t in map(table.kind, check.columns)):
        return False
    if "regex" in given:
        return _as_text(table, check.columns[0]) is not None and _is_re2(table, check.kwargs["regex"])
    if "pair" in check.type:
        return len({str(table.kind(c)) for c in check.columns}) == 1
    if "type_list" in given:
        return _type_is_telling(check, table)
    return True


# -- the parts of a rule
def _of_values(check: Check, table: Table, good: str) -> Rule:
    """A check of the values that are there."""
    return _of_rows(check, table, f"{_column(check)} IS NOT NULL", f"NOT ({good})")


def _of_rows(check: Check, table: Table, considered: str, bad: str) -> Rule:
    accepted = " AND NOT __accepted" if table.accepted else ""
    broken = f"coalesce(({considered}) AND ({bad}), FALSE){accepted}"
    measures = [f"count(*) FILTER ({considered})", f"count(*) FILTER ({broken})"]
    if check.type == "expect_column_values_to_not_be_null":
        measures[0] = "count(*)"
    return Rule(measures, lambda seen: _mostly(check, seen[0], seen[1]), broken)


def _mostly(check: Check, considered: int, unexpected: int) -> tuple[int, bool, None]:
    share = 1.0 if considered == 0 else (considered - unexpected) / considered
    return unexpected, share >= check.kwargs.get("mostly", 1.0), None


def _inside(value: Any, bounds: dict[str, Any]) -> bool:
    low, high = bounds.get("min_value"), bounds.get("max_value")
    if value is None:
        return False
    above = low is None or (value > low if bounds.get("strict_min") else value >= low)
    return bool(above and (high is None or (value < high if bounds.get("strict_max") else value <= high)))


def _within(column: str, bounds: dict[str, Any]) -> str:
    low, high = bounds.get("min_value"), bounds.get("max_value")
    parts = [] if low is None else [f"{column} {'>' if bounds.get('strict_min') else '>='} {_literal(low)}"]
    parts += [] if high is None else [f"{column} {'<' if bounds.get('strict_max') else '<='} {_literal(high)}"]
    return " AND ".join(parts) or "TRUE"


def _among(column: str, values: Sequence[Any]) -> str:
    wanted = [_literal(v) for v in values if v is not None]
    return f"({column} IN ({', '.join(wanted)}))" if wanted else "FALSE"


def _found(check: Check, table: Table) -> str:
    pattern = check.kwargs["regex"]
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\n?\z"  # Python's $ also stands before a last line break
    return f"regexp_matches({_as_text(table, check.columns[0])}, {_text(pattern)})"


def _as_text(table: Table, column: str) -> str | None:
    """The value as pandas writes it; None where that is not sure to be the same."""
    kind, name = table.kind(column), quoted(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return name
    if pa.types.is_integer(kind):  # pandas holds integers with gaps as floats
        return f"({name}::VARCHAR || '.0')" if table.has_nulls(column) else f"{name}::VARCHAR"
    if pa.types.is_float64(kind):
        return f"{name}::VARCHAR"
    if pa.types.is_timestamp(kind) and kind.tz:
        return f"(strftime({name}, '%Y-%m-%d %H:%M:%S') || '+00:00')"
    return None


def _is_re2(table: Table, pattern: str) -> bool:
    try:
        table.ask(f"SELECT regexp_matches('', {_text(pattern)})")
    except duckdb.Error:
        return False
    return True


def _both(check: Check) -> str:
    a, b = map(quoted, check.columns)
    missing = {
        "both_values_are_missing": f"NOT ({a} IS NULL AND {b} IS NULL)",
        "either_value_is_missing": f"({a} IS NOT NULL AND {b} IS NOT NULL)",
    }
    return missing.get(check.kwargs.get("ignore_row_if") or "both_values_are_missing", "TRUE")


def _keyed(check: Check) -> str:
    """Rows whose key counts."""
    joined = {"any_value_is_missing": " AND ", "never": None}
    operator = joined.get(check.kwargs.get("ignore_row_if") or "", " OR ")
    return "TRUE" if operator is None else f"({operator.join(f'{quoted(c)} IS NOT NULL' for c in check.columns)})"


def _pandas_type(table: Table, column: str) -> str:
    """The dtype that pandas gives the column."""
    kind = table.kind(column)
    if pa.types.is_integer(kind) and table.has_nulls(column):
        return "float64"
    return str(np.dtype(kind.to_pandas_dtype())) if _is_plain(kind) else "object"


def _is_plain(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _type_is_telling(check: Check, table: Table) -> bool:
    """Numbers have one dtype; of text pandas only knows ``object``, whose values are looked at one by one."""
    kind = table.kind(check.columns[0])
    if _is_plain(kind):
        return True
    numbers_or_text = all(t == "str" or t.startswith(("int", "uint", "float")) for t in check.kwargs["type_list"])
    return pa.types.is_string(kind) and numbers_or_text


# -- SQL and files
def _column(check: Check) -> str:
    return quoted(check.kwargs["column"])


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literal(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{_text(value.isoformat(' '))}::TIMESTAMP{'TZ' if value.tzinfo else ''}"
    if isinstance(value, float):
        return f"'{value!r}'::DOUBLE"
    return _text(value) if isinstance(value, str) else str(value)


def _without_nan(column: pa.Field) -> str:
    name = quoted(column.name)
    if not pa.types.is_floating(column.type):
        return name
    # Parquet's statistics leave NaN out, and DuckDB 2.0 believes them: isnan() of such a column is always false
    return f"CASE WHEN isfinite({name}) OR isinf({name}) THEN {name} END AS {name}"


def _label(check: Check) -> str:
    return f"{', '.join(check.columns)}: {check.type}"


def _measured(table: Table, rules: Sequence[Rule]) -> list[list[Any] | str]:
    wanted = [m for rule in rules for m in rule.measures]
    if not wanted:
        return [[] for _ in rules]
    counts = list(table.ask(MEASURED.format(measures=", ".join(wanted), view="marked"))[0])
    return [[counts.pop(0) for _ in rule.measures] for rule in rules]


def _measured_alone(table: Table, rule: Rule) -> list[Any] | str:
    try:
        return _measured(table, [rule])[0]
    except duckdb.Error as error:
        return type(error).__name__  # its message may hold values of rows


def _outcome(check: Check, rule: Rule, measured: list[Any] | str, rows: int) -> CheckOutcome:
    if isinstance(measured, str):
        return broken(check, rows, measured)
    return judged(check, rows, *rule.judge(measured))


def _list(table: Table, into: str, names: Collection[str]) -> None:
    """A temporary table with the positions of the rows of these names."""
    contents = ", ".join(sorted({_text(n.rsplit("-", 1)[0]) for n in names}))
    table.connection.register("wanted", pa.table({"name": sorted(names)}))
    named = NAMED.format(content=table.content, where=f"sha256({table.content}) IN ({contents})")
    table.ask(LISTED.format(into=into, named=named))


def _find_repeated(table: Table, check: Check, held: bool) -> None:
    key = ", ".join(map(quoted, check.columns))
    into = table.repeated[check.id]
    table.ask(REPEATED.format(into=into, key=key, considered=_keyed(check), content=table.content))
    if held:
        table.ask(ONLY_HELD.format(into=into))


def _failing(table: Table, either: str, reasons: str, limit: int) -> pa.Table:
    contents = BROKEN_CONTENT.format(content=table.content, any=either)
    named = NAMED.format(content=table.content, where=f"sha256({table.content}) IN ({contents})")
    table.ask(f"CREATE TEMP TABLE names AS {named}")
    query = FAILING.format(reasons=reasons, content=table.content, any=either, limit=limit)
    rows = table.connection.sql(query).to_arrow_table()
    return rows.cast(pa.schema([(name, pa.string()) for name in rows.column_names]))


def _rewrite(file: Path, positions: np.ndarray) -> None:
    aside, start = file.with_suffix(".aside"), 0
    with pq.ParquetFile(file) as rows, pq.ParquetWriter(aside, rows.schema_arrow) as kept:
        for batch in rows.iter_batches():
            mask = ~np.isin(np.arange(start, start + batch.num_rows), positions)
            kept.write_batch(batch.filter(pa.array(mask)))
            start += batch.num_rows
    aside.replace(file)
