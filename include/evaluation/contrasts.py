"""Many comparisons in one evaluation: each by its standard error, all together at one level.

Twenty slices are twenty chances to look bad by luck. Holm's step-down correction keeps the chance that any of them is
refused without harm at the stated level, whatever they have in common (Holm, Scandinavian Journal of Statistics 6,
1979). p values are those of a t test with the bootstrap's standard error: the share of draws beyond a limit cannot tell
one in a thousand from none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from include.evaluation.power import POWER, effective_rows, quantiles, rows_for


@dataclass(frozen=True)
class Contrasts:
    """Differences ``values`` (c,) with their ``errors``, each by ``independent`` rows or blocks; large is harmful.

    ``row_errors`` are what the errors would be if rows were independent.
    """

    names: Sequence[str]
    values: np.ndarray
    errors: np.ndarray
    independent: int
    row_errors: np.ndarray

    def p_values(self, limit: float) -> np.ndarray:
        """Of the hypothesis that each is in truth at most the limit."""
        beyond = self.values - limit
        certain = np.where(beyond > 0, np.inf, -np.inf)
        steps = np.divide(beyond, self.errors, out=certain, where=self.errors > 0)
        return stdtr(self.independent - 1, -steps)

    def largest(self, level: float) -> tuple[float, float]:
        """Bounds of the largest of them, each at this one-sided level."""
        half = -stdtrit(self.independent - 1, level) * self.errors
        return float((self.values - half).max()), float((self.values + half).max())

    def rows_to_find(self, effect: float, n: int, level: float) -> int | None:
        """About so many rows find this effect in the difference that scatters most; ``n`` where these are enough."""
        return rows_for(float(self.errors.max()) * quantiles(self.independent, level, POWER), n, effect)

    def effective_n(self, n: int) -> int:
        """So many independent rows scatter as the largest difference does, between 1 and n."""
        worst = int(self.values.argmax())
        return effective_rows(n, float(self.row_errors[worst]) ** 2, float(self.errors[worst]) ** 2)


def holm_levels(p_values: np.ndarray, level: float) -> np.ndarray:
    """The level (c,) at which each hypothesis is tested: refused are those whose p value is at most that."""
    m = len(p_values)
    order, tested = np.argsort(p_values), level / np.arange(m, 0, -1)
    accepted = np.flatnonzero(p_values[order] > tested)
    if len(accepted):
        tested[accepted[0] :] = tested[accepted[0]]
    levels = np.empty(m)
    levels[order] = tested
    return levels


def pairs(
    groups: Sequence[str], points: np.ndarray, draws: np.ndarray, least: np.ndarray, independent: int, of: str = ""
) -> Contrasts:
    """Every group less every other one: ``points`` (k,), resampled ``draws`` (r, k), NaN where one is unknown.

    ``least`` (k, k) are the variances of each difference if rows were independent; no error is below that.
    """
    known = np.where(np.isfinite(draws), draws, np.nanmean(draws, axis=0))
    together = np.atleast_2d(np.cov(known, rowvar=False)) * independent / max(1, independent - 1)
    own = np.diag(together)
    variances = own[:, None] + own[None, :] - 2 * together
    first, second = np.nonzero(~np.eye(len(groups), dtype=bool))
    names = [f"{groups[a]} over {groups[b]}{of}" for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    row_errors = np.sqrt(least[first, second])
    errors = np.sqrt(np.maximum(variances[first, second], least[first, second]))
    return Contrasts(names, points[first] - points[second], errors, independent, row_errors)


def joined(parts: Sequence[Contrasts]) -> Contrasts:
    return Contrasts(
        [name for part in parts for name in part.names],
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.errors for part in parts]),
        min(part.independent for part in parts),
        np.concatenate([part.row_errors for part in parts]),
    )
