"""How a PSI is distributed without any change: as an F variable, of which a scaled chi-squared one is the limit."""

from collections.abc import Sequence
from math import inf, isinf
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc, gammaincc, gammainccinv
from scipy.stats import f as fisher


class Chance(NamedTuple):
    """``mean`` times an F variable with ``freedom`` and ``of_mean`` degrees of freedom: so well the mean is known."""

    mean: float
    freedom: float
    of_mean: float = inf

    @classmethod
    def of(cls, draws: np.ndarray) -> "Chance":
        """The distribution of ``draws`` (n,), smoothed."""
        return cls.moments(float(draws.mean()), float(draws.var()))

    @classmethod
    def moments(cls, mean: float, variance: float) -> "Chance":
        """The gamma distribution, a scaled chi-squared one, with this mean and variance."""
        return cls(mean, 2 * mean**2 / variance if variance else inf)

    @classmethod
    def chi_squared(cls, freedom: int, size: float) -> "Chance":
        """``size`` times a chi-squared variable with so many degrees of ``freedom``."""
        return cls(size * freedom, freedom)

    @property
    def variance(self) -> float:
        """As if the mean were known."""
        return 2 * self.mean**2 / self.freedom

    @classmethod
    def mean_of(cls, parts: "Sequence[Chance]") -> "Chance":
        """Of the mean of figures that may all move together: their standard deviations have a mean too."""
        mean = float(np.mean([part.mean for part in parts]))
        spread = float(np.mean([part.mean / np.sqrt(part.freedom) for part in parts]))
        return cls(mean, (mean / spread) ** 2 if spread else inf, min(part.of_mean for part in parts))

    def times(self, factor: float) -> "Chance":
        """Of the figure times ``factor``."""
        return self._replace(mean=factor * self.mean)

    def p_value(self, value: float) -> float:
        """How likely chance alone reaches as much as ``value``."""
        if isinf(self.freedom):
            return float(value <= self.mean)
        if isinf(self.of_mean):
            return float(gammaincc(self.freedom / 2, self.freedom / 2 * value / self.mean))
        return float(fdtrc(self.freedom, self.of_mean, value / self.mean))

    def quantile(self, chance: float) -> float:
        """What is exceeded with the probability ``chance``."""
        if isinf(self.freedom):
            return self.mean
        if isinf(self.of_mean):
            return float(self.mean * gammainccinv(self.freedom / 2, chance) / (self.freedom / 2))
        return float(self.mean * fisher.isf(chance, self.freedom, self.of_mean))
