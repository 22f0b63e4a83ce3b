"""Rows as bytes to hash: the same whether a row comes from memory or from a file, in whatever order of columns.

A row is a word of eight bytes for each column, in the order of its ``kinds``, then its texts and lists, in the same
order: of a number the little-endian double, of an integer or a time (microseconds since 1970, UTC) the integer, of a
text its length in UTF-8, of a list of numbers their count. What is not known is NaN, the least integer, or the length
-1. The verifier of the audit log makes the same bytes of one row in plain Python.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NOTHING = np.iinfo(np.int64).min


def kinds(schema: pa.Schema) -> dict[str, str]:
    """Column → ``number``, ``integer``, ``time``, ``numbers`` or ``text``, sorted by name."""
    return {name: _kind(schema.field(name).type) for name in sorted(schema.names)}


def row_bytes(rows: pa.Table, kinds: Mapping[str, str]) -> list[bytes]:
    """The bytes of each row; a column that the rows lack is not known."""
    fixed = np.empty((rows.num_rows, len(kinds)), "<i8")
    rest = []
    for at, (name, kind) in enumerate(kinds.items()):
        column = _column(rows, name, kind)
        if kind == "number":
            fixed[:, at] = _doubles(column).view("<i8")
        elif kind in ("integer", "time"):
            fixed[:, at] = pc.fill_null(column, NOTHING).to_numpy(zero_copy_only=False)
        else:
            lengths = pc.binary_length(column) if kind == "text" else pc.list_value_length(column)
            fixed[:, at] = pc.fill_null(lengths, -1).to_numpy(zero_copy_only=False)
            rest.append(_content(column, kind))
    words, width = fixed.tobytes(), 8 * len(kinds)
    begins = range(0, len(words), width)
    if not rest:
        return [words[at : at + width] for at in begins]
    ends = pc.binary_join_element_wise(*rest, pa.scalar(b"", pa.large_binary())).to_numpy(zero_copy_only=False).tolist()
    return [words[at : at + width] + end for at, end in zip(begins, ends, strict=True)]


def readable(row: Mapping[str, object], kinds: Mapping[str, str]) -> dict[str, object]:
    """One row as JSON has it, with times as the microseconds that are hashed."""
    one = pa.Table.from_pylist([dict(row)])
    return {name: _column(one, name, kind).to_pylist()[0] for name, kind in kinds.items()}


def _kind(stored: pa.DataType) -> str:
    if pa.types.is_floating(stored):
        return "number"
    if pa.types.is_integer(stored) or pa.types.is_boolean(stored):
        return "integer"
    if pa.types.is_timestamp(stored):
        return "time"
    return "numbers" if pa.types.is_list(stored) or pa.types.is_large_list(stored) else "text"


TYPES = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "time": pa.int64(),
    "numbers": pa.large_list(pa.float64()),
    "text": pa.large_string(),
}


def _column(rows: pa.Table, name: str, kind: str) -> pa.Array:
    """The column as one array of the type of its kind."""
    if name not in rows.column_names:
        return pa.nulls(rows.num_rows, TYPES[kind])
    column = rows[name]
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz))
    try:
        return column.cast(TYPES[kind], safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # of rows that were not hashed in this form
        return pa.nulls(rows.num_rows, TYPES[kind])


def _doubles(column: pa.Array) -> np.ndarray:
    """Little-endian doubles, with one NaN for whatever is not known."""
    values = column.to_numpy(zero_copy_only=False).astype("<f8")
    values[np.isnan(values)] = np.nan
    return values


def _content(column: pa.Array, kind: str) -> pa.Array:
    """Texts or packed numbers, '' where there are none."""
    if kind == "text":
        return pc.fill_null(column.cast(pa.large_binary()), b"")
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype("<i8") * 8
    values = _doubles(column.flatten())
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(values.tobytes())]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(column), buffers)
