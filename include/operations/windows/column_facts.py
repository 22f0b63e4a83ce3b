"""What the faults of a column are judged on: facts of its rows, which may come in batches."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.spelling import as_known

MOST = 20_000
"""Different values of which the rows are kept between two batches (Misra and Gries, Science of Computer Programming 2,
1982): the commonest value of a column with more has up to one row of 20,000 fewer than is said."""


class Facts:
    """Facts of one column, beside its description: rows, those that lack a value, that are new or far outside.

    ``counts`` and ``missing`` (d,) are rows by day, all and without a value, where days are told. ``absent`` (n,) says
    which of so many ``places`` lack a value.
    """

    def __init__(self, described: Mapping[str, Any], days: int = 0, places: int = 0) -> None:
        self.described = described
        self.rows = self.known = self.new = self.outside = 0
        self.counts, self.missing = (np.zeros(days, np.int64) for _ in range(2))
        self._commonest = _Commonest()
        self._places, self._absent = places, np.zeros((places + 7) // 8, np.uint8)

    def add(self, values: pd.Series, times: np.ndarray | None = None) -> None:
        """Count values (n,); ``times`` (n,) says how many rows have each (None: one)."""
        times = np.ones(len(values), np.int64) if times is None else times
        there = values.notna().to_numpy()
        known, of_known = values[there], times[there]
        self.rows, self.known = self.rows + int(times.sum()), self.known + int(of_known.sum())
        if known.empty or self.described["kind"] == "text":
            return
        self._commonest.add(known, of_known)
        if self.described["kind"] == "categorical":
            new = ~as_known(known, self.described["counts"]).isin([*self.described["counts"]])
            self.new += int(of_known[new.to_numpy()].sum())
        elif self.varied:
            self.outside += int(self._outside(known).sum())

    def add_days(self, missing: np.ndarray, days: np.ndarray) -> None:
        """Count the rows (n,) by day, from 0 (-1: without one), and whether they lack a value."""
        missing, days = missing[days >= 0], days[days >= 0]
        self.counts += np.bincount(days, minlength=len(self.counts))
        self.missing += np.bincount(days[missing], minlength=len(self.missing))

    @property
    def missing_share(self) -> float:
        """Of the rows; not of none."""
        return (self.rows - self.known) / self.rows

    def mark(self, absent: np.ndarray) -> None:
        """Say of which places (m,) the value is absent."""
        np.bitwise_or.at(self._absent, absent >> 3, np.uint8(1) << (absent & 7).astype(np.uint8))

    @property
    def absent(self) -> np.ndarray:
        """Which places (n,) lack a value."""
        return np.unpackbits(self._absent, count=self._places, bitorder="little").astype(bool)

    @property
    def varied(self) -> bool:
        """Whether the described numbers have a range."""
        return bool(self.described.get("high", 0.0) > self.described.get("low", 0.0))

    @property
    def commonest(self) -> int:
        """Rows with the commonest value."""
        return self._commonest.rows

    def _outside(self, known: pd.Series) -> np.ndarray:
        """Further outside the described range than that is wide."""
        width, numbers = self.described["high"] - self.described["low"], pd.to_numeric(known, errors="coerce")
        far = (numbers < self.described["low"] - width) | (numbers > self.described["high"] + width)
        return far.to_numpy(dtype=bool)


class _Commonest:
    """Rows with the commonest value, of numbers that come in batches or of names."""

    def __init__(self) -> None:
        self._names: Counter[Any] = Counter()
        self._numbers, self._counts = np.empty(0), np.empty(0, np.int64)
        self._less = 0

    @property
    def rows(self) -> int:
        return max(int(self._counts.max(initial=0)) + self._less, max(self._names.values(), default=0))

    def add(self, known: pd.Series, times: np.ndarray) -> None:
        if not pd.api.types.is_numeric_dtype(known) or pd.api.types.is_bool_dtype(known):
            for value, rows in zip(known.tolist(), times.tolist(), strict=True):
                self._names[value] += rows
            return
        self._prune()
        numbers, counts = _distinct(known.to_numpy(), times)
        if len(self._numbers):
            numbers, counts = _distinct(np.append(self._numbers, numbers), np.append(self._counts, counts))
        self._numbers, self._counts = numbers, counts

    def _prune(self) -> None:
        """As many rows less of every value as leave the commonest ones."""
        if len(self._counts) <= MOST:
            return
        less = int(np.partition(self._counts, -MOST - 1)[-MOST - 1])
        kept, self._less = self._counts > less, self._less + less
        self._numbers, self._counts = self._numbers[kept], self._counts[kept] - less


def _distinct(numbers: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(numbers)
    numbers, counts = numbers[order], counts[order]
    first = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1]))
    return numbers[first], np.add.reduceat(counts, first)
