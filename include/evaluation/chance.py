"""How a PSI is distributed without any change: a sum of chi-squared variables, whose weights may only be estimated.

By its first three moments it is a shifted chi-squared variable (Imhof, "Computing the distribution of quadratic forms
in normal variables", Biometrika 48, 1961); where they are of few blocks, over an independent chi-squared variable, as
in an F distribution.
"""

from collections.abc import Sequence
from math import inf, isinf, log, sqrt
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, gammaincc, gammainccinv

NODES = (np.arange(200) + 0.5) / 200
LEAST = 1e-300


class Chance(NamedTuple):
    """``mean``, variance as of a scaled chi-squared variable with ``freedom`` degrees, and the tail of one with
    ``shape`` (None: the same); ``of_mean`` says as how many degrees of freedom the mean is known.
    """

    mean: float
    freedom: float
    of_mean: float = inf
    shape: float | None = None

    @classmethod
    def of(cls, draws: np.ndarray) -> "Chance":
        """The distribution of ``draws`` (n,), smoothed."""
        mean, spread = float(draws.mean()), float(draws.std())
        skewness = float((((draws - mean) / spread) ** 3).mean()) if spread else 0.0
        return cls.moments(mean, spread**2)._replace(shape=8 / skewness**2 if skewness > 0 else None)

    @classmethod
    def moments(cls, mean: float, variance: float) -> "Chance":
        """The gamma distribution, a scaled chi-squared one, with this mean and variance."""
        return cls(mean, 2 * mean**2 / variance if variance else inf)

    @classmethod
    def chi_squared(cls, freedom: int, size: float) -> "Chance":
        """``size`` times a chi-squared variable with so many degrees of ``freedom``."""
        return cls(size * freedom, freedom)

    @classmethod
    def mean_of(cls, parts: "Sequence[Chance]") -> "Chance":
        """Of the mean of figures that may all move together: their standard deviations have a mean too."""
        mean = float(np.mean([part.mean for part in parts]))
        spread = float(np.mean([part.mean / np.sqrt(part.freedom) for part in parts]))
        freedom = (mean / spread) ** 2 if spread else inf
        return cls(mean, freedom, min(part.of_mean for part in parts), min(part.tail for part in parts))

    @property
    def variance(self) -> float:
        """As if the mean were known."""
        return 2 * self.mean**2 / self.freedom

    @property
    def tail(self) -> float:
        """Degrees of freedom of the chi-squared variable that has its skewness."""
        return self.freedom if self.shape is None else min(self.shape, self.freedom)

    def times(self, factor: float) -> "Chance":
        """Of the figure times ``factor``."""
        return self._replace(mean=factor * self.mean)

    def p_value(self, value: float) -> float:
        """How likely chance alone reaches as much as ``value``."""
        if isinf(self.freedom):
            return float(value <= self.mean)
        known = 1.0 if isinf(self.of_mean) else chdtri(self.of_mean, NODES) / self.of_mean
        reached = self.tail + (value / self.mean * known - 1) * sqrt(self.freedom * self.tail)
        return float(np.mean(gammaincc(self.tail / 2, np.maximum(reached, 0) / 2)))

    def quantile(self, chance: float) -> float:
        """What is exceeded with the probability ``chance``."""
        if isinf(self.freedom):
            return self.mean
        reached = 2 * float(gammainccinv(self.tail / 2, chance))
        value = self.mean * (1 + (reached - self.tail) / sqrt(self.freedom * self.tail))
        if isinf(self.of_mean):
            return value
        low, high = 0.0, max(value, self.mean)
        while self.p_value(high) > chance:
            low, high = high, 2 * high
        return float(brentq(lambda at: log(max(self.p_value(at), LEAST) / chance), low, high))
