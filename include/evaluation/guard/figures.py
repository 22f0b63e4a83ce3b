"""The figures of a period that are compared with those of earlier ones, made of profiles."""

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from include.contracts.guard import PeriodProfile
from include.evaluation.divergence import js_divergence
from include.evaluation.guard.relations import Moments, Relations

SHARES = frozenset({"missing", "top", "zero", "whole", "tens", "tenths", "repeat", "unseen", "twice", "order"})
"""Figures that are shares of rows."""
RANGES = ("low", "high", "first", "middle", "last")
"""Figures that are values of a number, compared in widths of the earlier range."""
CERTAIN = 0.005
"""Share of the rows that may break a bound in every earlier period."""
TOUCHED = 0.001
"""Share of the rows in which two numbers are equal, when one is the bound of the other."""
OF_FEATURE = ("level", "spread")
Key = tuple[str, str]
"""Check, and column."""


class Reference:
    """Earlier periods, in order, and which of their figures a period can be compared by."""

    def __init__(self, before: Sequence[PeriodProfile], now: PeriodProfile, tensor_of: Mapping[str, str]) -> None:
        self._before = before
        known = [set(one.columns) for one in before]
        self._names = [name for name in now.columns if all(name in columns for columns in known)]
        features = [name.split(": ")[0] for name in self._names]
        self._groups = np.unique([tensor_of.get(name, name) for name in features], return_inverse=True)[1]
        self._moments = {one.period: Moments(one, self._names) for one in [*before, now]}
        self._laws = _laws(before)

    def figures(self, one: PeriodProfile) -> dict[Key, float]:
        """Of a period, against all of the earlier ones but itself."""
        others = [other for other in self._before if other.period != one.period]
        found = {key: value for key, value in self._shapes(one).items() if np.isfinite(value)}
        found |= {("order", law): one.orders[law] for law in self._laws if law in one.orders}
        for column, counts in one.counts.items():
            known = [other.counts[column] for other in others if other.counts.get(column)]
            if known and counts:
                found |= _of_counts(column, counts, known, mixed="low" not in one.shapes.get(column, {}))
        apart = Relations([self._moments[other.period] for other in others], self._groups)
        for check, values in apart.apart(self._moments[one.period]).items():
            pairs = zip(self._names, values.tolist(), strict=True)
            found |= {(check, name): value for name, value in pairs if check not in OF_FEATURE or ": " not in name}
        return found

    def _shapes(self, one: PeriodProfile) -> dict[Key, float]:
        found = {}
        for column, shape in one.shapes.items():
            low, width = self._range(column)
            for check, value in shape.items():
                found[check, column] = (value - low) / width if check in RANGES else value
        return found

    def _range(self, column: str) -> tuple[float, float]:
        shapes = [one.shapes.get(column, {}) for one in self._before]
        lows, highs = ([shape[end] for shape in shapes if end in shape] for end in ("low", "high"))
        return (min(lows), (max(highs) - min(lows)) or 1.0) if lows else (0.0, 1.0)


def _laws(before: Sequence[PeriodProfile]) -> list[str]:
    """Orders that never hold, though the two numbers are equal at times: that is a bound, not a distance of scales."""
    return [law for law in before[-1].orders if all(_is_law(law, one.orders) for one in before)]


def _is_law(law: str, orders: Mapping[str, float]) -> bool:
    reverse = law.replace(" > ", " < ") if " > " in law else law.replace(" < ", " > ")
    return law in orders and orders[law] <= CERTAIN and orders[law] + orders[reverse] < 1 - TOUCHED


def _of_counts(
    column: str, counts: Mapping[str, int], known: Sequence[Mapping[str, int]], mixed: bool
) -> dict[Key, float]:
    """Share of rows with a value that the others never had, and of a category how far its mix is from theirs."""
    levels = sorted({*counts, *(level for one in known for level in one)})
    now, rows = _rows(counts, levels), sum(counts.values())
    before = np.mean([_rows(one, levels) / sum(one.values()) for one in known], axis=0) * rows
    found = {("unseen", column): float(now[before == 0].sum() / rows)}
    return found | ({("mix", column): sqrt(max(js_divergence(before, now), 0))} if mixed else {})


def _rows(counts: Mapping[str, int], levels: Sequence[str]) -> np.ndarray:
    return np.array([counts.get(level, 0) for level in levels], dtype=float)
