"""The schema contract of a source: its columns are there, have their types, and keys and times are never empty.

What a connector delivers may be typed as the outside system likes; what leaves here is always
``schema(source)``. Errors name the source, the column and how many values are at fault, never a value.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.period import Window
from include.errors import SourceError
from include.specification.data import Source

UTC = pa.timestamp("us", tz="UTC")
TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "timestamp": UTC}
OFFSET = r":\d{2}(\.\d+)? ?([Zz]|[+-]\d{2}(:?\d{2})?)$"
ZERO_FRACTION = r"\.0*$"
IMPOSSIBLE = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError)


class ZonelessError(Exception):
    """Timestamps without an offset, and nobody said how to read them; carries their number."""


def schema(source: Source) -> pa.Schema:
    """What a conforming batch looks like: the columns of the spec, in order."""
    return pa.schema([(name, TYPES[kind]) for name, kind in source.columns.items()])


def as_batch(delivered: pa.RecordBatch | Mapping[str, Sequence[Any]]) -> pa.RecordBatch:
    """What a connector gave, record batch or columns of Python values, as a record batch."""
    if isinstance(delivered, pa.RecordBatch):
        return delivered
    return pa.RecordBatch.from_arrays([_array(values) for values in delivered.values()], names=list(delivered))


def conform(place: str, table: str, source: Source, batch: pa.RecordBatch, window: Window | None) -> pa.RecordBatch:
    """The batch with its agreed columns and types, and of a window only the rows within.

    ``place`` starts every error, e.g. ``flight_delay 2013-02: source 'flights'``. Raises SourceError when a column is
    missing, values do not fit its type, a timestamp has no zone, or a key or time is empty.
    """
    _require_columns(place, table, source, batch)
    known: dict[str, pa.Array] = {}
    if source.time:
        known[source.time] = _column(place, table, source, source.time, batch[source.time])
        _require_values(place, source.time, known[source.time])
    if source.time and window:
        wanted = inside(known[source.time], window)
        batch, known = batch.filter(wanted), {source.time: known[source.time].filter(wanted)}
    columns = {n: known[n] if n in known else _column(place, table, source, n, batch[n]) for n in source.columns}
    for name in source.key:
        _require_values(place, name, columns[name])
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=schema(source))


def inside(times: pa.Array, window: Window) -> pa.Array:
    """Which times (UTC) are in the window."""
    start, end = (pa.scalar(moment, UTC) for moment in window.utc())
    return pc.and_(pc.greater_equal(times, start), pc.less(times, end))


def _array(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # numbers and text in one column: the cast decides
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _require_columns(place: str, table: str, source: Source, batch: pa.RecordBatch) -> None:
    delivered = batch.schema.names
    if missing := [name for name in source.columns if name not in delivered]:
        unexpected = [name for name in delivered if name not in source.columns]
        raise SourceError(
            f"{place} lacks the columns {missing}; its columns that the spec does not name are {unexpected}. "
            f"If a column was renamed, deliver the old name, or change 'sources.{table}.columns' in usecase.yaml"
        )


def _require_values(place: str, name: str, values: pa.Array) -> None:
    if values.null_count:
        raise SourceError(
            f"{place}: column {name!r} is empty in {values.null_count} of {len(values)} rows; it is part of the key "
            "or the event time, so every row needs a value: deliver the table again"
        )


def _column(place: str, table: str, source: Source, name: str, values: pa.Array) -> pa.Array:
    kind = source.columns[name]

    def convert(part: pa.Array) -> pa.Array:
        return CASTS[kind](_plain(part), source)

    try:
        return _without_nan(convert(values))
    except ZonelessError as error:
        raise SourceError(
            f"{place}: column {name!r}: {error} of {len(values)} timestamps have no time zone. Deliver them with an "
            f"offset (like 10:00:00Z), or set 'sources.{table}.without_zone' to utc, or to local "
            f"for {source.timezone}"
        ) from None
    except IMPOSSIBLE:
        count = _failing(values, convert)
    raise SourceError(
        f"{place}: column {name!r}: {count} of {len(values)} values cannot be read as {kind}. Deliver them as {kind}, "
        f"or change 'sources.{table}.columns.{name}' in usecase.yaml"
    )


def _failing(values: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> int:
    """How many values ``convert`` cannot take, by halving."""
    try:
        convert(values)
    except IMPOSSIBLE:
        half = len(values) // 2
        return 1 if not half else _failing(values[:half], convert) + _failing(values[half:], convert)
    return 0


def _plain(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    return _without_nan(values)


def _without_nan(values: pa.Array) -> pa.Array:
    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def _integer(values: pa.Array, _: Source) -> pa.Array:
    if not pa.types.is_string(values.type):
        return values.cast(pa.int64())
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:  # a program that knows no empty integer writes 2013.0
        return pc.replace_substring_regex(values, ZERO_FRACTION, "").cast(pa.int64())


def _boolean(values: pa.Array, _: Source) -> pa.Array:
    return values if pa.types.is_boolean(values.type) else values.cast(pa.string()).cast(pa.bool_())


def _timestamp(values: pa.Array, source: Source) -> pa.Array:
    if pa.types.is_string(values.type):
        return _parsed(values, source)
    if pa.types.is_timestamp(values.type) and values.type.tz:
        return values.cast(UTC, safe=False)  # finer than a microsecond is cut off
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        raise pa.ArrowInvalid("a number is not a timestamp: its unit is unknown")
    return _localized(values.cast(pa.timestamp("us"), safe=False), source)


def _parsed(values: pa.Array, source: Source) -> pa.Array:
    try:
        return values.cast(UTC)
    except pa.ArrowInvalid:
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
    "string": lambda values, _: values.cast(pa.string()),
    "integer": _integer,
    "number": lambda values, _: values.cast(pa.float64()),
    "boolean": _boolean,
    "timestamp": _timestamp,
}
