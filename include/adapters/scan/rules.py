"""The rules of a scan: expectation → what DuckDB measures, and how the figures are judged.

The meaning of each is that of Great Expectations' pandas engine, which reads NaN and NULL alike.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from include.adapters.scan import patterns
from include.adapters.scan.patterns import text_literal
from include.contracts.quality import Check
from include.formats.content import quoted

MEASURED = "SELECT {measures} FROM {view}"


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

    @property
    def content(self) -> str:
        """The row as JSON, whatever the order of the columns."""
        return f"to_json(struct_pack({', '.join(f'{quoted(c)} := {quoted(c)}' for c in sorted(self.schema.names))}))"


RuleOf = Callable[[Check, Table], Rule]


# -- rules: what each expectation means
def _values(good: Callable[[Check, Table], str]) -> RuleOf:
    """The rule for the values that are there: each must meet the predicate ``good``."""
    return lambda check, table: _of_rows(check, table, _there(check), f"NOT ({good(check, table)})")


def _not(good: Callable[[Check, Table], str]) -> Callable[[Check, Table], str]:
    return lambda check, table: f"NOT {good(check, table)}"


def _greater(check: Check, table: Table) -> Rule:
    a, b = map(quoted, check.columns)
    greater = ">=" if check.kwargs.get("or_equal") else ">"
    return _of_rows(check, table, _both(check), f"NOT coalesce({a} {greater} {b}, FALSE)")


def _equal(check: Check, table: Table) -> Rule:
    a, b = map(quoted, check.columns)
    return _of_rows(check, table, _both(check), f"NOT coalesce({a} = {b}, FALSE)")


def _unique(check: Check, table: Table) -> Rule:
    rule = _of_rows(check, table, keyed(check), f"__{table.repeated[check.id]}")
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
    return _of_rows(check, table, _there(check), "FALSE" if "str" in check.kwargs["type_list"] else "TRUE")


def _aggregate(function: str) -> RuleOf:
    return lambda check, _: Rule(
        [f"{function}{_column(check)})"], lambda seen: (0, _inside(seen[0], check.kwargs), seen[0])
    )


def _sum(check: Check, _: Table) -> Rule:
    """Of whole numbers and decimals: DuckDB adds them exactly, where pandas' 64 bits would begin again below zero."""
    return Rule([f"coalesce(sum({_column(check)}), 0)"], lambda seen: (0, _inside(seen[0], check.kwargs), seen[0]))


def _distinct(contain: bool, only: bool) -> RuleOf:
    def rule(check: Check, table: Table) -> Rule:
        column, among = _column(check), _among(check, table)
        measures = [f"count(DISTINCT {column}) FILTER ({among})", f"count(DISTINCT {column}) FILTER (NOT {among})"]
        size = len({v for v in check.kwargs["value_set"] if v is not None})

        def judge(seen: list[Any]) -> tuple[int, bool, Any]:
            others = seen[1] if only else 0
            return others, others == 0 and (seen[0] == size or not contain), None

        return Rule(measures, judge)

    return rule


def known(check: Check, table: Table) -> bool:
    given = {name for name, value in check.kwargs.items() if value is not None}
    if check.type not in RULES or not RULES[check.type][0] & NEEDED <= given <= RULES[check.type][0]:
        return False
    if any(pa.types.is_dictionary(t) or pa.types.is_nested(t) for t in map(table.kind, check.columns)):
        return False
    if "regex" in given:
        return _as_text(table, check.columns[0]) is not None
    if "pair" in check.type:
        return len({str(table.kind(c)) for c in check.columns}) == 1
    if "_sum_" in check.type:
        return pa.types.is_integer(kind := table.kind(check.columns[0])) or pa.types.is_decimal(kind)
    return "type_list" not in given or _type_is_telling(check, table)


# -- the parts of a rule
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


def _within(check: Check, _: Table) -> str:
    column, bounds = _column(check), check.kwargs
    low, high = bounds.get("min_value"), bounds.get("max_value")
    parts = [] if low is None else [f"{column} {'>' if bounds.get('strict_min') else '>='} {_literal(low)}"]
    parts += [] if high is None else [f"{column} {'<' if bounds.get('strict_max') else '<='} {_literal(high)}"]
    return " AND ".join(parts) or "TRUE"


def _among(check: Check, table: Table) -> str:
    real = pa.types.is_floating(table.kind(check.columns[0]))
    given = [v for v in check.kwargs["value_set"] if v is not None]
    wanted = [_literal(v) for v in given if not (real and float(v) != v)]  # no float is 2**53 + 1
    return f"({_column(check)} IN ({', '.join(wanted)}))" if wanted else "FALSE"


def _matches(check: Check, table: Table) -> str:
    return patterns.condition(table.connection, str(_as_text(table, check.columns[0])), check.kwargs["regex"])


def _as_text(table: Table, column: str) -> str | None:
    """The value as pandas writes it; None where that is not sure to be the same."""
    kind, name = table.kind(column), quoted(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return name
    if pa.types.is_boolean(kind):
        return f"(CASE WHEN {name} THEN 'True' ELSE 'False' END)"
    if pa.types.is_integer(kind) or pa.types.is_float64(kind):
        return f"{name}::VARCHAR"
    if pa.types.is_timestamp(kind) and kind.tz == "UTC":
        whole, finer = (f"strftime({name}, '{form}')" for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"))
        return f"(CASE WHEN microsecond({name}) % 1000000 = 0 THEN {whole} ELSE {finer} END || '+00:00')"
    return None


def _both(check: Check) -> str:
    a, b = map(quoted, check.columns)
    missing = {
        "both_values_are_missing": f"NOT ({a} IS NULL AND {b} IS NULL)",
        "either_value_is_missing": f"({a} IS NOT NULL AND {b} IS NOT NULL)",
    }
    return missing.get(check.kwargs.get("ignore_row_if") or "both_values_are_missing", "TRUE")


def keyed(check: Check) -> str:
    """Rows whose key counts."""
    joined = {"any_value_is_missing": " AND ", "never": None}
    operator = joined.get(check.kwargs.get("ignore_row_if") or "", " OR ")
    return "TRUE" if operator is None else f"({operator.join(f'{quoted(c)} IS NOT NULL' for c in check.columns)})"


def _pandas_type(table: Table, column: str) -> str:
    """The dtype that pandas gives the column."""
    kind = table.kind(column)
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


def _there(check: Check) -> str:
    return f"{_column(check)} IS NOT NULL"


def _literal(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{text_literal(value.isoformat(' '))}::TIMESTAMP{'TZ' if value.tzinfo else ''}"
    if isinstance(value, float):
        return f"'{value!r}'::DOUBLE"
    return text_literal(value) if isinstance(value, str) else str(value)


def without_nan(column: pa.Field) -> str:
    name = quoted(column.name)
    if not pa.types.is_floating(column.type):
        return name
    # Parquet's statistics leave NaN out, and DuckDB 2.0 believes them: isnan() of such a column is always false
    return f"CASE WHEN isfinite({name}) OR isinf({name}) THEN {name} END AS {name}"


# -- what is known: expectation → the arguments that it may have, and its rule
UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
BOUNDS = {"min_value", "max_value", "strict_min", "strict_max"}
VALUES = {"column", "mostly"}
NEEDED = {"column", "column_A", "column_B", "column_list", "column_set", "regex", "type_list", "value_set"}
PAIR = {"column_A", "column_B", "mostly", "ignore_row_if"}
RULES: dict[str, tuple[set[str], RuleOf]] = {
    "expect_column_values_to_not_be_null": (VALUES, lambda c, t: _of_rows(c, t, "TRUE", f"{_column(c)} IS NULL")),
    "expect_column_values_to_be_null": (VALUES, lambda c, t: _of_rows(c, t, "TRUE", _there(c))),
    "expect_column_values_to_be_between": ({*VALUES, *BOUNDS}, _values(_within)),
    "expect_column_values_to_be_in_set": ({*VALUES, "value_set"}, _values(_among)),
    "expect_column_values_to_not_be_in_set": ({*VALUES, "value_set"}, _values(_not(_among))),
    "expect_column_values_to_match_regex": ({*VALUES, "regex"}, _values(_matches)),
    "expect_column_values_to_not_match_regex": ({*VALUES, "regex"}, _values(_not(_matches))),
    "expect_column_values_to_be_unique": (VALUES, _unique),
    "expect_compound_columns_to_be_unique": ({"column_list", "mostly", "ignore_row_if"}, _unique),
    "expect_column_pair_values_a_to_be_greater_than_b": ({*PAIR, "or_equal"}, _greater),
    "expect_column_pair_values_to_be_equal": (PAIR, _equal),
    "expect_column_values_to_be_in_type_list": ({*VALUES, "type_list"}, _type),
    "expect_table_row_count_to_be_between": (BOUNDS, _row_count),
    "expect_table_columns_to_match_set": ({"column_set", "exact_match"}, _columns),
    "expect_column_mean_to_be_between": ({"column", *BOUNDS}, _aggregate("avg(")),
    "expect_column_min_to_be_between": ({"column", *BOUNDS}, _aggregate("min(")),
    "expect_column_max_to_be_between": ({"column", *BOUNDS}, _aggregate("max(")),
    "expect_column_sum_to_be_between": ({"column", *BOUNDS}, _sum),
    "expect_column_unique_value_count_to_be_between": ({"column", *BOUNDS}, _aggregate("count(DISTINCT ")),
    "expect_column_distinct_values_to_contain_set": ({"column", "value_set"}, _distinct(True, False)),
    "expect_column_distinct_values_to_be_in_set": ({"column", "value_set"}, _distinct(False, True)),
    "expect_column_distinct_values_to_equal_set": ({"column", "value_set"}, _distinct(True, True)),
}
