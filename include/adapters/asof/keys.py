"""The keys of entities as SQL: each is taken as its entity declares it, or refused; text and number never meet."""

from collections.abc import Callable

import pyarrow as pa
from pyarrow import types

from include.errors import DataError
from include.formats.content import is_nan
from include.formats.exact_floats import EXACT, whole_up_to
from include.formats.exact_frames import is_bytes, is_number, is_text

LARGEST = 2**63 - 1
REFUSED = "refused: "
"""How DuckDB's message of a key begins that its expression refused."""


Fits = Callable[[pa.DataType], bool]
KINDS: dict[str, tuple[str, Fits]] = {
    "String": ("VARCHAR", is_text),
    "Int32": ("BIGINT", is_number),
    "Int64": ("BIGINT", is_number),
    "Float32": ("DOUBLE", is_number),
    "Float64": ("DOUBLE", is_number),
    "Bool": ("BOOLEAN", types.is_boolean),
    "Bytes": ("BLOB", is_bytes),
    "UnixTimestamp": ("TIMESTAMPTZ", types.is_timestamp),
}
"""Feast's type of an entity → the SQL type of its keys, and the stored types that may become it."""


def typed_key(column: str, stored: pa.DataType, kind: str, what: str, row: str = "''") -> str:
    """SQL of a key in its declared type; NaN is a missing key.

    Parameters
    ----------
    column
        SQL of the value as it is.
    stored
        its type.
    kind
        Feast's name of the entity's type: ``String``, ``Int64`` …
    what
        where the column stands, for a message.
    row
        SQL of text that says which row it is.

    Raises
    ------
    DataError
        the column's type cannot become the entity's. A single value that cannot makes DuckDB raise ``REFUSED`` …
    """
    if types.is_dictionary(stored):
        stored = stored.value_type
    if kind not in KINDS:
        return column
    sql, fits = KINDS[kind]
    if types.is_null(stored):
        return f"NULL::{sql}"
    if not fits(stored):
        way = f"cast it to {kind} where it is made, or declare the entity's type in feature_repo/ as it is"
        raise DataError(f"{what} is {stored}, and its entity's keys are {kind}; {way}")
    guard = _guard(column, stored, sql)
    if guard is None:
        return f"CAST({column} AS {sql})"
    message = f"{REFUSED}{what} has a value that is no exact {kind}".replace("'", "''")
    value = f"CASE WHEN {guard} THEN CAST({column} AS {sql}) ELSE error('{message}' || {row}) END"
    there = f"{column} IS NULL OR {is_nan(column)}" if types.is_floating(stored) else f"{column} IS NULL"
    return f"CASE WHEN {there} THEN NULL ELSE {value} END"


def _guard(column: str, stored: pa.DataType, sql: str) -> str | None:
    """SQL that is true of a value that stays what it is; None where every value does."""
    small = f"{column} BETWEEN {-EXACT} AND {EXACT}"
    if sql == "BIGINT" and types.is_decimal(stored):
        return f"TRY_CAST({column} AS BIGINT) IS NOT NULL AND {column} = trunc({column})"
    if sql == "BIGINT" and not types.is_integer(stored):
        most = whole_up_to(stored.to_pandas_dtype())  # the float 2**53 may have been 2**53 + 1
        return f"abs({column}) < {most} AND {column} = trunc({column})"
    if sql == "BIGINT" and stored == pa.uint64():
        return f"{column} <= {LARGEST}"
    if sql == "DOUBLE":
        return "TRUE" if types.is_floating(stored) else small
    return None
