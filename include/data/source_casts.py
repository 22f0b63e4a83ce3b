"""How the values of a source are read as the types that the spec declares: exactly, or not at all.

Arrow casts more than is meant: booleans to numbers, times to integers, seconds beyond 64 bits to wrong microseconds.
What is read here keeps its value; of a time only the digits below a microsecond are cut off.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from include.formats.exact_floats import EXACT, LEAST, holds, whole_up_to
from include.formats.value_text import text_of
from include.specification.data import Source

UTC = pa.timestamp("us", tz="UTC")
TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "timestamp": UTC}
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary,
         pa.types.is_large_binary, pa.types.is_binary_view)  # fmt: skip
NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string)
READABLE: dict[str, Sequence[Callable[[pa.DataType], bool]]] = {
    "string": [lambda _: True],
    "integer": NUMBERS,
    "number": NUMBERS,
    "boolean": (pa.types.is_boolean, *NUMBERS),
    "timestamp": (pa.types.is_timestamp, pa.types.is_date, pa.types.is_string),
}
"""Which types of Arrow are read as a declared type; no other is cast, though Arrow could."""
OFFSET = r":\d{2}(\.\d+)? ?([Zz]|[+-]\d{2}(:?\d{2})?)$"
FINER = r"(:\d{2}\.\d{6})\d+"
ZERO_FRACTION = r"^(-?[0-9]+)\.0*$"
EXPONENT = re.compile(r"-?\d+(\.\d+)?[eE][+-]?\d{1,6}", re.ASCII)
"""Whole numbers of 64 bits have no longer exponent; one of twenty digits is beyond Decimal."""
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999 in microseconds since 1970, in UTC: other moments are no times in Python."""
IMPOSSIBLE = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError)


class ZonelessError(Exception):
    """Timestamps without an offset, and nobody said how to read them; carries their number."""


def cast(values: pa.Array, kind: str, source: Source) -> pa.Array:
    """The values as the declared type ``kind``; NaN is missing.

    Raises
    ------
    ZonelessError
        timestamps have no zone.
    IMPOSSIBLE
        a value cannot be read as that type without being changed.
    """
    values = _plain(values)
    if values.null_count == len(values):  # a missing value has no type
        return pa.nulls(len(values), TYPES[kind])
    if not any(is_type(values.type) for is_type in READABLE[kind]):
        raise pa.ArrowInvalid(f"{values.type} is not {kind}")
    return _without_nan(CASTS[kind](values, source))


def _plain(values: pa.Array) -> pa.Array:
    """Without what only says how Arrow keeps the values."""
    kind = values.type
    if kind == pa.uuid():
        return pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(values.storage)
    if pa.types.is_dictionary(kind):
        return _plain(values.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return _plain(pc.run_end_decode(values))
    if any(is_type(kind) for is_type in TEXTS) or pa.types.is_null(kind):
        return values.cast(pa.string())  # bytes that are not UTF-8 are refused
    return _without_nan(values)


def _without_nan(values: pa.Array) -> pa.Array:
    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def _string(values: pa.Array, _: Source) -> pa.Array:
    if any(is_type(values.type) for is_type in (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean)):
        return values.cast(pa.string())
    try:
        return pa.array([text_of(value) for value in values.to_pylist()], pa.string())
    except (ValueError, OverflowError, RecursionError) as error:
        raise pa.ArrowInvalid(f"{values.type} has no text: {type(error).__name__}") from None


def _integer(values: pa.Array, _: Source) -> pa.Array:
    if pa.types.is_floating(values.type):
        return _whole_floats(values)
    if not pa.types.is_string(values.type):
        return values.cast(pa.int64())
    if pc.any(pc.match_substring(values, "x", ignore_case=True)).as_py():  # Arrow takes 0xffffffffffffffff for -1
        raise pa.ArrowInvalid("a hexadecimal number")
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:  # a program that knows no empty integer writes 2013.0
        digits = pc.replace_substring_regex(values, ZERO_FRACTION, r"\1")
    try:
        return digits.cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.array([_written_out(text) for text in digits.to_pylist()], pa.string()).cast(pa.int64())


def _whole_floats(values: pa.Array) -> pa.Array:
    """Floats as integers; raises ArrowInvalid where a float does not say which whole number was meant."""
    numbers = values.cast(pa.int64())
    size = pc.abs(values.cast(pa.float64()))
    large = values.filter(pc.greater_equal(size, whole_up_to(values.type.to_pandas_dtype())))
    if any(Decimal(str(number)) != Decimal(float(number)) for number in large.to_numpy(zero_copy_only=False)):
        raise pa.ArrowInvalid("a float beyond all of its whole numbers, which may stand for another one")
    return numbers


def _written_out(text: str | None) -> str | None:
    """A whole number of 64 bits without its exponent, ``1e3`` as ``1000``; other text as it is."""
    if text is None or not EXPONENT.fullmatch(text):
        return text
    number = Decimal(text)
    whole = -(2**63) <= number < 2**63 and number == number.to_integral_value()
    certain = abs(number) < EXACT or number == Decimal(float(number))  # a float may have written it
    return str(int(number)) if whole and certain else text


def _number(values: pa.Array, _: Source) -> pa.Array:
    """64-bit floats; raises ArrowInvalid where one is infinite, or not the number that was written.

    That is a whole number beyond 2^53 that a float has not, or one so near to zero that a float has fewer digits of it.
    """
    numbers = values.cast(pa.float64(), safe=False)
    size = pc.abs(numbers)
    if pc.any(pc.is_inf(numbers)).as_py():
        raise pa.ArrowInvalid("an infinite number")
    if not pa.types.is_floating(values.type):
        doubtful = values.filter(pc.or_(pc.greater_equal(size, EXACT), pc.less(size, LEAST))).unique()
        pairs = zip(doubtful.to_pylist(), doubtful.cast(pa.float64(), safe=False).to_pylist(), strict=True)
        if not all(holds(number, written) for written, number in pairs):
            raise pa.ArrowInvalid("a number that a float cannot hold")
    return numbers


def _boolean(values: pa.Array, _: Source) -> pa.Array:
    if pa.types.is_boolean(values.type):
        return values
    return pc.replace_substring_regex(values.cast(pa.string()), ZERO_FRACTION, r"\1").cast(pa.bool_())


def _timestamp(values: pa.Array, source: Source) -> pa.Array:
    moments = _moments(values, source)
    bounds = pc.min_max(moments.cast(pa.int64()))
    if moments.null_count < len(moments) and not FIRST <= bounds["min"].as_py() <= bounds["max"].as_py() <= LAST:
        raise pa.ArrowInvalid("a moment outside of the years 1 to 9999")
    return moments


def _moments(values: pa.Array, source: Source) -> pa.Array:
    if pa.types.is_string(values.type):
        return _parsed(values, source)
    if pa.types.is_timestamp(values.type) and values.type.unit == "ns":
        values = pc.floor_temporal(values, unit="microsecond")  # finer than a microsecond is cut off
    if pa.types.is_timestamp(values.type) and values.type.tz:
        return values.cast(UTC)
    return _localized(values.cast(pa.timestamp("us")), source)


def _parsed(values: pa.Array, source: Source) -> pa.Array:
    try:
        return values.cast(UTC)
    except pa.ArrowInvalid:
        values = pc.replace_substring_regex(values, FINER, r"\1")
        zoned, none = pc.match_substring_regex(values, OFFSET), pa.scalar(None, pa.string())
        with_zone = pc.if_else(zoned, values, none).cast(UTC)
        naive = pc.if_else(zoned, none, values).cast(pa.timestamp("us"))
        return pc.coalesce(with_zone, _localized(naive, source))


def _localized(naive: pa.Array, source: Source) -> pa.Array:
    """Times without zone as the spec says; an hour that the clock shows twice or never cannot be read."""
    if len(naive) == naive.null_count:
        return pa.nulls(len(naive), UTC)
    if source.without_zone == "refuse":
        raise ZonelessError(len(naive) - naive.null_count)
    zone = "UTC" if source.without_zone == "utc" else source.timezone
    return pc.assume_timezone(naive, zone, ambiguous="raise", nonexistent="raise").cast(UTC)


CASTS: dict[str, Callable[[pa.Array, Source], pa.Array]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}
