"""Rows that come in batches, counted in the bins of a description: the sums are what ``histograms`` says of all rows.

Memory grows with the number of bins, and of different categories or words, not with the number of rows.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from include.errors import DataError
from include.evaluation import histograms
from include.evaluation.histograms import Paired


class Counted:
    """One column now, beside its description ``described``; ``rows`` and ``missing`` (None, NaN) are those so far.

    ``by_block`` (g, k) are values by group of blocks and bin, as ``block_counts.by_block`` has them; of no ``groups``
    none.
    """

    def __init__(self, described: Mapping[str, Any], groups: int = 0) -> None:
        self.described = described
        self.rows, self.missing = 0, 0
        self.by_block = np.zeros((groups, histograms.width_of(described)), np.int64)
        self._numbers: Paired | None = None
        self._levels: Counter[str] = Counter()
        self._without = 0

    def add(self, values: pd.Series, times: np.ndarray | None = None, groups: np.ndarray | None = None) -> None:
        """Count values (n,); ``times`` (n,) says how many rows have each (None: one), ``groups`` (n,) their group.

        Raises DataError when numbers are given with ``times``: of them each is a row.
        """
        values = values.reset_index(drop=True)
        if self.described["kind"] == "numeric":
            if times is not None:
                raise DataError("numbers are counted row by row: give them without times")
            self._add_numbers(values)
        times = np.ones(len(values), np.int64) if times is None else times
        if self.described["kind"] != "numeric":
            self._add_levels(values, times)
        self.rows, self.missing = self.rows + int(times.sum()), self.missing + int(times[values.isna()].sum())
        if groups is not None and len(self.by_block):
            self._add_groups(values, times, groups)

    def pair(self) -> Paired:
        """What ``histograms.paired`` says of all the rows at once."""
        if self.described["kind"] == "numeric":
            return self._numbers or histograms.paired(self.described, pd.Series(dtype=float))
        now = pd.Series(self._levels, dtype=np.int64)
        return histograms.paired_counts(self.described, now, self._without, self.rows)

    def _add_numbers(self, values: pd.Series) -> None:
        pair, before = histograms.paired(self.described, values), self._numbers
        if before is not None:
            pair = pair._replace(now=before.now + pair.now, rows_now=before.rows_now + pair.rows_now)
        self._numbers = pair

    def _add_levels(self, values: pd.Series, times: np.ndarray) -> None:
        spelled = histograms.levels(self.described, values)
        of_each, there = times[spelled.index], spelled.notna().to_numpy()
        for level, rows in zip(spelled[there], of_each[there].tolist(), strict=True):
            self._levels[level] += rows
        self._without += int(of_each[~there].sum())

    def _add_groups(self, values: pd.Series, times: np.ndarray, groups: np.ndarray) -> None:
        bins, rows = histograms.bins_of(self.described, values)
        size, width = self.by_block.size, self.by_block.shape[1]
        counts = np.bincount(groups[rows] * width + bins, weights=times[rows], minlength=size)
        self.by_block += counts.astype(np.int64).reshape(self.by_block.shape)
