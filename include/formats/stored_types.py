"""The types in which the lake stores columns: one per column and table; no value changes on its way into it."""

from collections import Counter
from collections.abc import Container, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.names import clashes
from include.contracts.tables import PERIOD
from include.errors import DataError

DECIMAL_DIGITS = 38
SAME_VALUES: Mapping[pa.DataType, pa.DataType] = {
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
    pa.float16(): pa.float32(),
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.date64(): pa.date32(),
}
"""What Delta does not know, and the type that holds its values; a value that does not fit is refused."""
FOREIGN = (pa.types.is_time, pa.types.is_duration, pa.types.is_interval, pa.types.is_run_end_encoded)
LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)


def with_period(schema: pa.Schema) -> pa.Schema:
    """The schema with the column of the period."""
    return schema if PERIOD in schema.names else schema.append(pa.field(PERIOD, pa.string()))


def stored_schema(schema: pa.Schema, what: str = "rows") -> pa.Schema:
    """The types in which Delta stores these columns.

    Raises DataError, with ``what`` and the columns, for types that it does not know (times of day, durations,
    intervals, unions, runs, decimals of more than 38 digits) and for names that differ by case only, which Delta and
    DuckDB take for one.
    """
    _require_distinct(schema.names, what)
    kinds = {field.name: _stored(field.type) for field in schema}
    if unknown := [f"{name} ({schema.field(name).type})" for name, kind in kinds.items() if kind is None]:
        raise DataError(
            f"{what}: the lake does not store the types of the columns {', '.join(unknown)}; make each a number or a "
            "text, in the source or in features.py"
        )
    return pa.schema([pa.field(name, kind) for name, kind in kinds.items()])


def merged(table: pa.Schema, given: pa.Schema, what: str, empty: Container[str] = ()) -> pa.Schema:
    """The table's columns, then those that are new to it; a column is as wide as its widest values.

    A column of ``given`` that is ``empty``, without any value, has the table's type. Raises DataError, with every
    column whose type in ``given`` is another kind than in the table: no cast decides what a value was meant to be.
    """
    types = {name: table.field(name).type for name in given.names if name in table.names}
    both = {name: of if name in empty else _widest(of, given.field(name).type) for name, of in types.items()}
    if other := [name for name, kind in both.items() if kind is None]:
        differ = [f"{name} ({given.field(name).type}, in the table {table.field(name).type})" for name in other]
        raise DataError(
            f"{what}: columns have other types than in the periods before: {', '.join(differ)}; correct the source, "
            "cast the column in features.py, or give it another name"
        )
    names = [*table.names, *(name for name in given.names if name not in both)]
    _require_distinct(names, what)
    return pa.schema(
        [(n, both[n] if n in both else (table if n in table.names else given).field(n).type) for n in names]
    )


def fitted(rows: pa.Table, schema: pa.Schema, what: str, before: int = 0) -> pa.Table:
    """The columns of the schema, in its types; ``before``: how many rows of the table came before these.

    Raises DataError, with the column and the row, for a value that its type does not hold exactly.
    """
    return pa.Table.from_arrays([_fitted(rows[field.name], field, what, before) for field in schema], schema=schema)


def empty_columns(rows: pa.Table | Path) -> frozenset[str]:
    """The columns of a table, or of a Parquet file by its statistics, that have no value in any row."""
    if isinstance(rows, pa.Table):
        return frozenset(name for name in rows.column_names if rows[name].null_count == rows.num_rows)
    counts: Counter[str] = Counter()
    footer = pq.read_metadata(rows)
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for column in map(group.column, range(footer.num_columns)):
            has_count = column.statistics is not None and column.statistics.has_null_count
            counts[column.path_in_schema] += column.statistics.null_count if has_count else 0
    return frozenset(name for name in pq.read_schema(rows).names if counts[name] == footer.num_rows)


def _fitted(column: pa.ChunkedArray, field: pa.Field, what: str, before: int) -> pa.ChunkedArray:
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column), field.type)])
    if _holds(column, field.type):
        return column.cast(field.type)
    row = before + _first_that_does_not_fit(column, field.type) + 1
    raise DataError(
        f"{what}: column {field.name} is {column.type}, and its value in row {row} does not fit into {field.type}, the "
        "type in which the lake stores it; correct the source, or round or cast the column in features.py"
    )


def _first_that_does_not_fit(column: pa.ChunkedArray, kind: pa.DataType) -> int:
    """Index of the first value that a cast would change."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        lower = column.take(pa.array(range(low, middle), pa.int64()))  # a slice of lists would cast the others too
        low, high = (middle, high) if _holds(lower, kind) else (low, middle)
    return low


def _holds(column: pa.ChunkedArray, kind: pa.DataType) -> bool:
    try:
        column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # its text would have the value
        return False
    return True


def _require_distinct(names: list[str], what: str) -> None:
    if faults := [f"{name!r} {why}" for name, why in clashes(names)]:
        raise DataError(f"{what}: {'; '.join(faults)}; rename the columns where the table is made")


def _stored(kind: pa.DataType) -> pa.DataType | None:
    """None for a type that Delta does not store."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.string() if _stored(kind.storage_type) == pa.string() else None
    if pa.types.is_dictionary(kind):
        return _stored(kind.value_type)
    if pa.types.is_nested(kind):
        return _stored_nested(kind)
    return None if any(is_foreign(kind) for is_foreign in FOREIGN) else _stored_value(kind)


def _stored_value(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if pa.types.is_decimal(kind):
        digits, scale = kind.precision - min(kind.scale, 0), max(kind.scale, 0)
        return pa.decimal128(digits, scale) if digits <= DECIMAL_DIGITS else None
    return pa.binary() if pa.types.is_fixed_size_binary(kind) else SAME_VALUES.get(kind, kind)


def _stored_nested(kind: pa.DataType) -> pa.DataType | None:
    is_map = pa.types.is_map(kind)
    fields = [kind.key_field, kind.item_field] if is_map else [kind.field(i) for i in range(kind.num_fields)]
    inner = [(field.name, _stored(field.type)) for field in fields]
    if pa.types.is_union(kind) or any(of is None for _, of in inner):
        return None
    if any(is_list(kind) for is_list in LISTS):
        return pa.list_(pa.field("element", inner[0][1]))
    return pa.map_(inner[0][1], inner[1][1]) if is_map else pa.struct(inner)


def _widest(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type of the two that holds the values of both; None where a value would change, or its meaning."""
    if pa.types.is_null(one) or pa.types.is_null(other):
        return other if pa.types.is_null(one) else one
    if all(map(pa.types.is_signed_integer, (one, other))) or all(map(pa.types.is_floating, (one, other))):
        return max(one, other, key=lambda kind: kind.bit_width)
    if all(map(pa.types.is_decimal, (one, other))):
        scale = max(one.scale, other.scale)
        digits = scale + max(one.precision - one.scale, other.precision - other.scale)
        return pa.decimal128(digits, scale) if digits <= DECIMAL_DIGITS else None
    if all(map(pa.types.is_list, (one, other))):
        inner = _widest(one.value_type, other.value_type)
        return None if inner is None else pa.list_(pa.field("element", inner))
    if all(map(pa.types.is_struct, (one, other))) and (names := [f.name for f in one]) == [f.name for f in other]:
        fields = [(name, _widest(one.field(i).type, other.field(i).type)) for i, name in enumerate(names)]
        return None if any(kind is None for _, kind in fields) else pa.struct(fields)
    return one if one == other else None
