"""Judges a period by its profile and those of the periods before it.

Seasons move levels from month to month, so a figure is not compared with a fixed limit: what counts is how far it is
outside of all earlier values, in units of the earlier changes from period to period. Few changes say little about how
large they can be, so what changes usually are (``USUAL``) counts as ``WEIGHT`` of them (moderated t: Smyth, Statistical
Applications in Genetics and Molecular Biology 3, 2004). All figures of a period together alarm falsely at the declared
rate (Holm, Scandinavian Journal of Statistics 6, 1979).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

from include.contracts.guard import Oddity, PeriodProfile
from include.contracts.period import Every
from include.evaluation.guard.figures import RANGES, SHARES, Reference
from include.evaluation.guard.profile import tensors
from include.specification.usecase import UseCase

USUAL: Mapping[str, float] = {
    **dict.fromkeys(SHARES, 0.02),
    **dict.fromkeys(RANGES, 0.25),
    **{"top": 0.03, "repeat": 0.05, "smooth": 0.1, "unseen": 0.01, "twice": 0.01, "order": 0.005, "mix": 0.02},
    **{"distinct": 0.15, "uneven": 0.1, "a_day": 0.15, "delay": 0.15},
    **{"level": 0.3, "spread": 0.15, "shift": 0.15, "residual": 0.08},
}
"""Changes from one period to the next that are usual: shares, logarithms, widths of the range, standard deviations."""
WEIGHT = 4
ONE_SIDED = frozenset({"residual", "mix", "unseen", "order"})
"""Figures that a fault only raises."""
LEAST: Mapping[Every, int] = {"hour": 48, "day": 8, "week": 4, "month": 3}
"""Earlier periods that are needed to judge one: of hours and days those of a whole day or week."""
NEWEST: Mapping[Every, int] = {"hour": 72, "day": 28, "week": 26, "month": 24}
"""Earlier periods that one is compared with."""
WEEK, A_DAY = 7, 4
"""In periods shorter than a week the rows of a day count as so many: they share weather and traffic."""
SETTLED = 0.05
"""A number that has more new values than that in an earlier period has no fixed set of values."""
FEWEST = 50
"""Rows of a period; fewer say nothing."""


def oddities(spec: UseCase, before: Sequence[PeriodProfile], now: PeriodProfile, rate: float) -> list[Oddity]:
    """What makes the period ``now`` faulty, the least likely first; [] in all sound periods but a share of ``rate``.

    ``before`` are the accepted periods before it, in order of time.
    """
    before = before[-NEWEST[now.period.every] :]
    tensor_of = {column: name for name, columns in tensors(spec).items() for column in columns}
    reference = Reference(before, now, tensor_of)
    earlier, mine = [reference.figures(one) for one in before], reference.figures(now)
    fewer = _Fewer.of(before, now)
    clock = {feature.name for feature in spec.features if feature.clock}
    judged = {key: value for key, value in mine.items() if key[0] == "missing" or key[1].split(": ")[0] not in clock}
    found = []
    for (check, column), value in judged.items():
        values = np.array([figures[check, column] for figures in earlier if (check, column) in figures])
        if len(values) >= LEAST[now.period.every] and not (
            check == "unseen" and ("mix", column) not in mine and values.max() > SETTLED
        ):
            ends = {"least": float(values.min()), "most": float(values.max())}
            chance = _chance(check, values, value, fewer)
            found.append(Oddity(column=column, check=check, value=value, chance=chance, **ends))
    return _corrected(found, rate)


def _corrected(found: list[Oddity], rate: float) -> list[Oddity]:
    """Those that are there by chance at most at the rate, all figures together, with that chance; Holm's procedure."""
    odd, highest = list[Oddity](), 0.0
    for place, one in enumerate(sorted(found, key=lambda one: (one.chance, one.check, one.column))):
        highest = max(highest, one.chance * (len(found) - place))
        if highest > rate:
            break
        odd.append(one.model_copy(update={"chance": highest}))
    return odd


class _Fewer(NamedTuple):
    """How much a figure of one period varies by chance, more than those of the earlier ones show."""

    rows: int
    days: float
    """Share of the days that earlier periods have."""
    added: float
    """1 / days, less that of the earlier periods."""

    @classmethod
    def of(cls, before: Sequence[PeriodProfile], now: PeriodProfile) -> "_Fewer":
        days, own = max(float(np.median([one.days for one in before])), 1), max(now.days, 1)
        rows = now.rows if own >= WEEK else min(now.rows, A_DAY * own)
        return cls(rows, min(own / days, 1), max(1 / own - 1 / days, 0))


def _chance(check: str, values: np.ndarray, value: float, fewer: _Fewer) -> float:
    """How likely a sound period is so far outside of the earlier ones."""
    changes = len(values) - 1
    squared = (np.square(np.diff(values)).sum() + WEIGHT * USUAL[check] ** 2) / (changes + WEIGHT)
    if check in SHARES:  # the rows of a day may be alike
        share = np.clip(values.mean(), 0.5 / fewer.rows, 1 - 0.5 / fewer.rows)
        squared += share * (1 - share) * (fewer.added + 1 / fewer.rows)
    else:
        squared = squared / fewer.days + 1 / fewer.rows
    outside = max(value - values.max(), 0 if check in ONE_SIDED else values.min() - value, 0)
    return float(2 * stdtr(changes + WEIGHT, -outside / np.sqrt(squared)))
