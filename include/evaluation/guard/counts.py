"""Values that no other period has, and shares of values that are unlike those of the others, of one column."""

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from include.evaluation.divergence import js_divergence


class Counts:
    """Rows by value of a column: in the periods ``before``, and in the one that is judged; empty where none is known.

    A number outside the range of the other periods is no new value: the next warm day has one in spring, and how far
    outside it is, is another figure.
    """

    def __init__(self, before: Sequence[Mapping[str, int]], now: Mapping[str, int], numbers: bool) -> None:
        levels = sorted({*now, *(level for one in before for level in one)}, key=float if numbers else None)
        place = {level: number for number, level in enumerate(levels)}
        self._rows = np.zeros((len(before) + 1, len(levels)))
        for line, one in zip(self._rows, [*before, now], strict=True):
            line[[place[level] for level in one]] = [*one.values()]
        self._sums = self._rows.sum(axis=1)
        self._numbers = numbers
        known = self._rows[:-1]
        self._holders = (known > 0).sum(axis=0)
        self._shares = known / np.maximum(self._sums[:-1], 1)[:, None]
        self._pooled, self._count = self._shares.sum(axis=0), int((self._sums[:-1] > 0).sum())

    def figures(self, number: int | None) -> dict[str, float]:
        """Check → figure of the period before with this number, or of the one that is judged, against the others."""
        line = len(self._sums) - 1 if number is None else number
        now, rows = self._rows[line], self._sums[line]
        own = number is not None and rows > 0
        others = self._count - own
        if not rows or not others:
            return {}
        there = self._holders - (now > 0) if own else self._holders
        new = there == 0
        if self._numbers:
            held = np.flatnonzero(there)
            new[: held[0]] = new[held[-1] + 1 :] = False
        found = {"unseen": float(now[new].sum() / rows)}
        if self._numbers:
            return found
        before = np.where(there > 0, self._pooled - (self._shares[line] if own else 0), 0) / others * rows
        return found | {"mix": sqrt(max(js_divergence(before, now), 0))}
