"""The schema contract of a source: its columns are there, have their types, and keys and times are never empty.

What a connector delivers may be typed as the outside system likes; what leaves here is always
``schema(source)``. Errors name the source, the column and how many values are at fault, never a value.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.calendar import Window
from include.data import source_values
from include.data.source_casts import IMPOSSIBLE, TYPES, UTC, ZonelessError, cast
from include.errors import SourceError
from include.specification.data import Source


def schema(source: Source) -> pa.Schema:
    """What a conforming batch looks like: the columns of the spec, in order."""
    return pa.schema([(name, TYPES[kind]) for name, kind in source.columns.items()])


def as_batch(delivered: pa.RecordBatch | Mapping[str, Sequence[Any]]) -> pa.RecordBatch:
    """What a connector gave, record batch or columns of Python values, as a record batch."""
    if isinstance(delivered, pa.RecordBatch):
        return delivered
    arrays = [source_values.array(values) for values in delivered.values()]
    return pa.RecordBatch.from_arrays(arrays, names=list(delivered))


def conform(
    place: str, table: str, source: Source, batch: pa.RecordBatch, window: Window | None, before: int = 0
) -> pa.RecordBatch:
    """The batch with its agreed columns and types, and of a window only the rows within.

    ``place`` starts every error, e.g. ``flight_delay 2013-02: source 'flights'``; ``before`` rows of the read came
    earlier. Raises SourceError when a column is missing or there twice, values do not fit its type, a timestamp has no
    zone, or a key or time is empty.
    """
    reading = _Reading(place, table, source, before)
    _require_columns(place, table, source, batch)
    known: dict[str, pa.Array] = {}
    if source.time:
        known[source.time] = reading.column(source.time, batch[source.time])
        reading.require_values(source.time, known[source.time])
    if source.time and window:
        wanted = inside(known[source.time], window)
        batch, known = batch.filter(wanted), {source.time: known[source.time].filter(wanted)}
        reading = replace(reading, wanted=wanted)
    columns = {n: known[n] if n in known else reading.column(n, batch[n]) for n in source.columns}
    for name in source.key:
        reading.require_values(name, columns[name])
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=schema(source))


def inside(times: pa.Array, window: Window) -> pa.Array:
    """Which times (UTC) are in the window."""
    start, end = (pa.scalar(moment, UTC) for moment in window.utc())
    return pc.and_(pc.greater_equal(times, start), pc.less(times, end))


def _require_columns(place: str, table: str, source: Source, batch: pa.RecordBatch) -> None:
    delivered = Counter(batch.schema.names)
    if missing := [name for name in source.columns if name not in delivered]:
        unexpected = [name for name in delivered if name not in source.columns]
        raise SourceError(
            f"{place} lacks the columns {missing}; its columns that the spec does not name are {unexpected}. "
            f"If a column was renamed, deliver the old name, or change 'sources.{table}.columns' in usecase.yaml"
        )
    if twice := [name for name in source.columns if delivered[name] > 1]:
        raise SourceError(
            f"{place} has the columns {twice} more than once, so which of them is meant is unknown: deliver each "
            "column once, or give the others another name"
        )


@dataclass(frozen=True)
class _Reading:
    """A batch of one source while it is read; ``wanted`` says which of its rows the columns have (None: all)."""

    place: str
    table: str
    source: Source
    before: int
    wanted: pa.Array | None = None

    def row(self, place: int) -> int:
        """Number of a row within the whole read, from 1, by its place in a column."""
        return self.before + 1 + (place if self.wanted is None else pc.indices_nonzero(self.wanted)[place].as_py())

    def column(self, name: str, values: pa.Array) -> pa.Array:
        """The values as the declared type of the column."""
        kind = self.source.columns[name]

        def convert(part: pa.Array) -> pa.Array:
            return cast(part, kind, self.source)

        try:
            return convert(values)
        except ZonelessError as error:
            raise SourceError(
                f"{self.place}: column {name!r}: {error} of {len(values)} timestamps have no time zone. Deliver them "
                f"with an offset (like 10:00:00Z), or set 'sources.{self.table}.without_zone' to utc, or to local "
                f"for {self.source.timezone}"
            ) from None
        except IMPOSSIBLE:
            failing = list(_failing(values, convert, 0))
        raise SourceError(
            f"{self.place}: column {name!r}: {len(failing)} of {len(values)} values cannot be read as {kind}, the "
            f"first in row {self.row(failing[0])}. Deliver them as {kind}, "
            f"or change 'sources.{self.table}.columns.{name}' in usecase.yaml"
        )

    def require_values(self, name: str, values: pa.Array) -> None:
        if values.null_count:
            first = self.row(pc.indices_nonzero(values.is_null())[0].as_py())
            raise SourceError(
                f"{self.place}: column {name!r} is empty in {values.null_count} of {len(values)} rows, first in row "
                f"{first}; it is part of the key or the event time, so every row needs a value: deliver the table again"
            )


def _failing(values: pa.Array, convert: Callable[[pa.Array], pa.Array], start: int) -> Iterator[int]:
    """Places of the values that ``convert`` cannot take, by halving."""
    try:
        convert(values)
    except ZonelessError:
        return
    except IMPOSSIBLE:
        if len(values) == 1:
            yield start
            return
        half = len(values) // 2
        yield from _failing(values[:half], convert, start)
        yield from _failing(values[half:], convert, start + half)
