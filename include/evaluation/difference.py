"""How much better one model is than another on one test set: how probable that is, and how many rows would show it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from include.contracts.evaluation import Interval
from include.evaluation import power
from include.evaluation.blocks import LEAST, Blocks


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
        shrunken = np.sqrt((independent - 1) / independent) * ndtri(not_above)
        return float(1 - stdtr(independent - 1, shrunken))

    def resolution(self, probability: float) -> float:
        """The smallest difference that is told from none with this probability."""
        n = self.blocks.count
        if n < 2:
            return float("inf")
        return power.standard_error(self.draws, n) * float(stdtrit(n - 1, probability))

    def rows_needed(self, size: float, probability: float) -> int | None:
        """About so many rows tell a difference of this ``size`` from none; None where no test set is large enough.

        The scatter falls with the square root of the rows, as long as blocks of them come in the same number.
        """
        if not self.blocks.enough:
            return power.two_digits(self.figure.n / self.blocks.count * LEAST)
        return power.rows_for(self.resolution(probability), self.figure.n, size)
