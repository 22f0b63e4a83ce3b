"""What a request may hold: which fields may be missing, and the bounds of its times.

The model server, bulk scoring and an edge bundle run this file as it is, so every way in gives one answer. NumPy only:
it is copied beside the serving code. Fields are {name: array [N], or [N, n] for a tensor of n numbers}: texts as
objects, numbers and times (seconds since 1970-01-01 UTC) as float64. Missing is None, '' or NaN.
"""

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

DAY_SECONDS = 24 * 3600.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))
Fields = Mapping[str, np.ndarray]
WHOLE = re.compile(r"-?[1-9][0-9]{0,18}|0")
BITS = {"Int32": 32, "Int64": 64}


class Times:
    """Bounds of the event time: from ``first`` (epoch seconds) to now, ``lead_hours`` and a day.

    Now is the clock's. The times of events are another matter: a replay asks for years ago, and is within the bounds.
    """

    def __init__(self, first: float, lead_hours: float) -> None:
        self.first, self._ahead = first, lead_hours * 3600 + DAY_SECONDS

    def last(self, now: float | None = None) -> float:
        """The latest time that is taken, epoch seconds."""
        return (time.time() if now is None else now) + self._ahead

    def fault(self, value: float, now: float | None = None) -> str:
        """Why this time is refused, with the unit that it may have instead; '' when it is within the bounds."""
        first, last = self.first, self.last(now)
        if first <= value <= last:
            return ""
        unit = next((f"; is it in {unit}?" for unit, factor in UNITS if first <= value / factor <= last), "")
        return f"{value:.15g} is not from {first:.0f} ({_date(first)}) to {last:.0f} ({_date(last)}){unit}"


class RequestRules:
    """``kinds``: {field: string, float or timestamp}; ``optional``: the fields that may be missing.

    ``whole``: {field: Int32 or Int64}, the keys of entities that are whole numbers: their digits travel as text.

    ``bounded``: the field that ``times`` are the bounds of; without ``times`` nothing is. ``unasked``: fields that are
    not needed here.
    """

    def __init__(
        self,
        kinds: Mapping[str, str],
        optional: Collection[str],
        bounded: str = "",
        times: Times | None = None,
        unasked: Collection[str] = (),
        whole: Mapping[str, str] | None = None,
    ) -> None:
        self.kinds, self._optional = dict(kinds), [name for name in kinds if name in optional]
        self.required = frozenset(kinds) - set(optional) - set(unasked)
        self._bounded, self._times, self._whole = bounded, times, dict(whole or {})

    def reasons(self, fields: Fields) -> np.ndarray:
        """Why each row [N] is refused, in words; '' for a row that is not."""
        reasons = np.full(len(next(iter(fields.values()))), "", dtype=object)
        for rows, words in (*self._unusable(fields), *self._keys(fields), *self._missing(fields, fields)):
            reasons[rows & (reasons == "")] = words
        return reasons

    def refuse_unusable(self, fields: Fields) -> None:
        """Raises ValueError, which names row and field, for an infinite number or a time out of its bounds."""
        _refuse(self._unusable(fields))

    def refuse_missing(
        self, fields: Fields, among: Collection[str], places: Sequence[int] | np.ndarray | None = None
    ) -> None:
        """Raises ValueError, which names row and field, where a required one of the fields ``among`` is missing.

        ``places``: what the rows are called in words; by default they are counted from 0.
        """
        _refuse(self._missing(fields, among), places)

    def refuse_keys(self, fields: Fields, places: Sequence[int] | np.ndarray | None = None) -> None:
        """Raises ValueError, which names row and field, for a key that is not of its entity's type."""
        if self._whole:
            _refuse(self._keys(fields), places)

    def _keys(self, fields: Fields) -> Iterator[tuple[np.ndarray, str]]:
        for name, kind in self._whole.items():
            if (rows := np.array([not _is_whole(text, BITS[kind]) for text in fields[name]], dtype=bool)).any():
                limit = 2 ** (BITS[kind] - 1)
                yield (
                    rows,
                    (
                        f"request field {name!r} must be a whole number from {-limit} to {limit - 1}, as text in plain "
                        f"digits ('42', not '042' or '42.0'): its entity's keys are {kind}"
                    ),
                )

    def _unusable(self, fields: Fields) -> Iterator[tuple[np.ndarray, str]]:
        for name, values in fields.items():
            if self.kinds[name] != "string" and (infinite := _any(np.isinf(values))).any():
                yield infinite, f"request field {name!r} must be finite: a number, or null where it is missing"
        if self._times is not None and self._bounded in fields:
            values = fields[self._bounded]
            outside = (values < self._times.first) | (values > self._times.last())
            for row in np.flatnonzero(outside & np.isfinite(values)):
                words = self._times.fault(float(values[row]))
                yield np.arange(len(values)) == row, f"request field {self._bounded!r} is out of its bounds: {words}"

    def _missing(self, fields: Fields, among: Collection[str]) -> Iterator[tuple[np.ndarray, str]]:
        for name in (name for name in self.kinds if name in self.required and name in among):
            if (rows := missing(fields[name])).any():
                yield rows, f"request field {name!r} is missing: the fields that may be missing are {self._optional}"


def _is_whole(text: str | None, bits: int) -> bool:
    """Whether it is missing, or the one spelling of a whole number of so many bits."""
    if not text:
        return True
    return WHOLE.fullmatch(text) is not None and -(1 << bits - 1) <= int(text) < 1 << bits - 1


def missing(values: np.ndarray) -> np.ndarray:
    """Which rows [N] have no value, or a tensor with a number that is missing."""
    if values.dtype == object:
        return np.array([value is None or value == "" for value in values.tolist()], dtype=bool)
    return _any(np.isnan(values))


def rules_of(manifest: Mapping[str, Any], bounded: bool = True, needs_keys: bool = True) -> RequestRules:
    """Those of a release; one from before there were any takes every text, and no number that is missing.

    ``bounded``: whether the event time is held to its bounds. ``needs_keys``: whether anything is looked up by them.
    """
    kinds = manifest["request"]
    whole = whole_keys(manifest) if needs_keys else {}
    if (optional := manifest.get("may_be_missing")) is None:
        return RequestRules(kinds, [name for name, kind in kinds.items() if kind == "string"], whole=whole)
    read = {entry.get("tensor") or entry["name"] for entry in manifest["encoding"]["features"]}
    keys = set() if needs_keys else {view["key"] for view in manifest["views"].values()} - read
    times = Times(**manifest["times"]) if bounded else None
    return RequestRules(kinds, optional, manifest["event_time"], times, unasked=keys, whole=whole)


def whole_keys(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The request fields by which a release looks up entities whose keys are whole numbers, and the type of these."""
    types = {view["key"]: view.get("key_type", "String") for view in manifest["views"].values()}
    return {key: kind for key, kind in types.items() if kind != "String"}


def _refuse(faults: Iterator[tuple[np.ndarray, str]], places: Sequence[int] | np.ndarray | None = None) -> None:
    first = min(((int(rows.argmax()), words) for rows, words in faults), default=None, key=lambda fault: fault[0])
    if first is not None:
        row, words = first
        raise ValueError(f"row {row if places is None else places[row]}: {words}")


def _any(rows: np.ndarray) -> np.ndarray:
    return rows if rows.ndim == 1 else np.asarray(rows.any(axis=1))


def _date(seconds: float) -> str:
    return (EPOCH + timedelta(seconds=seconds)).date().isoformat()


def numbers(values: Sequence[Any], width: int, words: str) -> np.ndarray:
    """Values of a field that a row holds as JSON does, float64 [N], or [N, width] where that is above 0.

    Missing (None, or left out) is NaN. Raises ValueError, with ``words`` in front, for what is no number.
    """
    table = np.full((len(values), width or 1), np.nan)
    for row, value in enumerate(values):
        if value is not None:
            table[row] = _numbers_of(value, width, f"row {row}: {words}")
    return table if width else table[:, 0]


def _numbers_of(value: Any, width: int, words: str) -> list[float]:
    given = list(value) if width and isinstance(value, list | tuple | np.ndarray) else [value]
    if not all(one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in given):
        raise ValueError(f"{words} must be {width or 1} numbers; it holds something else")
    if len(given) != (width or 1):
        raise ValueError(f"{words} must be {width} numbers, it is {len(given)}")
    try:
        return [np.nan if one is None else float(one) for one in given]
    except OverflowError:
        raise ValueError(f"{words} holds a number that is too large") from None
