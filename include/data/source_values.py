"""What a connector delivers as Arrow arrays, before the contract reads them as the types that the spec declares.

Python values of one type become an array of that type. Values of several types become texts, each by itself: how a
value is read never follows from its neighbours. What has no text is bytes that are no text, which every type refuses.
"""

from collections.abc import Sequence, Set
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from include.formats.value_text import text_of

TYPED = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    date: pa.date32(),
}
NO_TEXT = b"\xff"
UNTYPED = (UnicodeEncodeError, OverflowError, pa.ArrowInvalid, pa.ArrowNotImplementedError)


def array(values: Sequence[Any]) -> pa.Array:
    """The values of one column. NaN, NaT and None are missing. Raises nothing that depends on a value."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return _whole(values)
    try:
        if getattr(getattr(values, "dtype", None), "kind", "O") != "O":  # NumPy's and pandas' own types
            return _whole(pa.array(values, from_pandas=True))
        kind = _kind(values)
        return _texts(values) if kind is None else pa.array(values, kind, from_pandas=True)
    except UNTYPED:  # a text that is no Unicode, an integer of more than 64 bits, a type that Arrow has not
        return _texts(values)


def _whole(values: Any) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _kind(values: Sequence[Any]) -> pa.DataType | None:
    """The type that all values have; None when they differ, or when it cannot hold each of them exactly."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.null()
    if kinds == {datetime}:
        zones = {value.tzinfo is None for value in values if value is not None}
        return None if len(zones) > 1 else pa.timestamp("us") if zones == {True} else pa.timestamp("us", tz="UTC")
    types = {TYPED.get(kind) for kind in kinds}
    return types.pop() if len(types) == 1 else None


def _texts(values: Sequence[Any]) -> pa.Array:
    texts = [_text(value) for value in values]
    try:
        return pa.array(texts, pa.string())
    except (UnicodeEncodeError, pa.ArrowTypeError, pa.ArrowInvalid):
        encoded = [text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text for text in texts]
        return pa.array(encoded, pa.binary())


def _text(value: Any) -> str | bytes | None:
    try:
        return text_of(value)
    except (ValueError, RecursionError):
        return _of_a_library(value)


def _of_a_library(value: Any) -> str | bytes | None:
    """NumPy's scalars and pandas' missing values are what Arrow takes them for; a set has no order, so no text."""
    if isinstance(value, Set):
        return NO_TEXT
    try:
        held = np.asarray([value]) if isinstance(value, np.generic) else [value]
        plain = pa.array(held, from_pandas=True)[0].as_py()
        return NO_TEXT if type(plain) is type(value) else text_of(plain)
    except (ValueError, TypeError, OverflowError, RecursionError, pa.ArrowException):
        return NO_TEXT
