"""Arrow to pandas without a value that changes, and which types may become which."""

import pandas as pd
import pyarrow as pa
from pyarrow import types

NULLABLE: dict[pa.DataType, pd.api.extensions.ExtensionDtype] = {
    pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(), pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}  # fmt: skip
"""Arrow's integers → pandas' integers that can lack. Without them pandas holds integers with gaps as float64, which has
no room for a number beyond 2**53."""


def exact_frame(rows: pa.Table) -> pd.DataFrame:
    """The rows as pandas holds them; a column of integers that lacks values is nullable (``Int64``) and not float64."""
    frame = rows.to_pandas()
    gaps = (n for n, column in enumerate(rows.columns) if column.type in NULLABLE and column.null_count)
    for number in gaps:
        frame.isetitem(number, rows.column(number).to_pandas(types_mapper=NULLABLE.get))
    return frame


def is_text(kind: pa.DataType) -> bool:
    """Whether values of the type are text."""
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def is_bytes(kind: pa.DataType) -> bool:
    """Whether values of the type are bytes."""
    return types.is_binary(kind) or types.is_large_binary(kind)


def is_number(kind: pa.DataType) -> bool:
    """Whether values of the type are numbers; a truth value is none."""
    return types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
