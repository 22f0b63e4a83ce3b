"""How much better one model is than another on one test set: how probable that is, and how many rows would show it."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from include.contracts.evaluation import Interval
from include.evaluation.blocks import LEAST, Blocks

MOST_TIMES = 10
"""Where the scatter is more times too large, no test set is large enough: it would need a hundred times the rows."""


def rounded(rows: float) -> int:
    """To two digits: nobody knows it better."""
    return int(float(f"{rows:.2g}"))


@dataclass(frozen=True)
class Difference:
    """The figure, its resampled values ``draws`` (k,), and what was drawn as a whole. Positive is better."""

    figure: Interval
    draws: np.ndarray
    blocks: Blocks

    def probability(self, above: float = 0.0) -> float:
        """That the true difference is larger than ``above``.

        It is the level of the one-sided expanded interval (see ``bootstrap``) that just stays above: so a difference
        that is nothing in truth reaches a probability p in a share of 1 - p of all test sets, also with few blocks. A
        resample that ties counts against it.
        """
        independent = self.blocks.count
        if independent < 2:
            return 0.0
        drawn = self.draws[np.isfinite(self.draws)]
        not_above = (1 + np.count_nonzero(drawn <= above)) / (1 + len(drawn))
        shrunken = np.sqrt((independent - 1) / independent) * norm.ppf(not_above)
        return float(1 - student.cdf(shrunken, independent - 1))

    def resolution(self, probability: float) -> float:
        """The smallest difference that is told from none with this probability."""
        n = self.blocks.count
        if n < 2:
            return float("inf")
        return float(np.nanstd(self.draws) * np.sqrt(n / (n - 1)) * student.ppf(probability, n - 1))

    def rows_needed(self, size: float, probability: float) -> int | None:
        """About so many rows tell a difference of this ``size`` from none; None where no test set is large enough.

        The scatter falls with the square root of the rows, as long as blocks of them come in the same number.
        """
        if not self.blocks.enough:
            return rounded(self.figure.n / self.blocks.count * LEAST)
        if size <= 0 or (times := self.resolution(probability) / size) > MOST_TIMES:
            return None
        return rounded(self.figure.n * max(1.0, times**2))
