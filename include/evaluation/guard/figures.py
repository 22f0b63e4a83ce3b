"""The figures of a period that are compared with those of earlier ones, made of profiles."""

from collections.abc import Mapping, Sequence

import numpy as np

from include.contracts.guard import PeriodProfile
from include.evaluation.guard.counts import Counts
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
        self._ranges = {
            column: _range(column, before) for column in {name for one in [*before, now] for name in one.shapes}
        }
        self._counts = {
            column: Counts([one.counts.get(column, {}) for one in before], counts, _has_range(column, [*before, now]))
            for column, counts in now.counts.items()
        }

    def figures(self, one: PeriodProfile) -> dict[Key, float]:
        """Of a period, against all of the earlier ones but itself."""
        others = [other for other in self._before if other.period != one.period]
        found = {key: value for key, value in self._shapes(one).items() if np.isfinite(value)}
        found |= {("order", law): one.orders[law] for law in self._laws if law in one.orders}
        number = next((n for n, other in enumerate(self._before) if other.period == one.period), None)
        for column, counts in self._counts.items():
            found |= {(check, column): value for check, value in counts.figures(number).items()}
        apart = Relations([self._moments[other.period] for other in others], self._groups)
        for check, values in apart.apart(self._moments[one.period]).items():
            pairs = zip(self._names, values.tolist(), strict=True)
            found |= {(check, name): value for name, value in pairs if check not in OF_FEATURE or ": " not in name}
        return found

    def _shapes(self, one: PeriodProfile) -> dict[Key, float]:
        found = {}
        for column, shape in one.shapes.items():
            low, width = self._ranges[column]
            for check, value in shape.items():
                found[check, column] = (value - low) / width if check in RANGES else value
        return found


def _range(column: str, before: Sequence[PeriodProfile]) -> tuple[float, float]:
    """Least value of the earlier periods, and how far it is to the greatest."""
    shapes = [one.shapes.get(column, {}) for one in before]
    lows, highs = ([shape[end] for shape in shapes if end in shape] for end in ("low", "high"))
    return (min(lows), (max(highs) - min(lows)) or 1.0) if lows else (0.0, 1.0)


def _has_range(column: str, profiles: Sequence[PeriodProfile]) -> bool:
    """Whether it is a number."""
    return any("low" in one.shapes.get(column, {}) for one in profiles)


def _laws(before: Sequence[PeriodProfile]) -> list[str]:
    """Orders that never hold, though the two numbers are equal at times: that is a bound, not a distance of scales."""
    return [law for law in before[-1].orders if all(_is_law(law, one.orders) for one in before)]


def _is_law(law: str, orders: Mapping[str, float]) -> bool:
    reverse = law.replace(" > ", " < ") if " > " in law else law.replace(" < ", " > ")
    return law in orders and orders[law] <= CERTAIN and orders[law] + orders[reverse] < 1 - TOUCHED
