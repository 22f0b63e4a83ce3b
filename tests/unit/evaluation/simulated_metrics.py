"""Models whose metric is known: how often its interval holds the truth, by rows and by whole days."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import paired
from include.evaluation.metrics import score

ALIKE = 0.2
"""Share of the variance that rows of one day have in common."""
MANY = 200_000


@dataclass(frozen=True)
class Known:
    """``truth`` is that of roc_auc and accuracy; of log_loss and mae it is how far answers and errors spread."""

    metric: str
    truth: float
    n: int
    days: int = 0
    """0: rows are independent."""

    def answers(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        noise, other = self._noise(random), self._noise(random)
        if self.metric == "roc_auc":
            y = other < norm.ppf(0.25)
            return y, 1 / (1 + np.exp(-(noise + np.sqrt(2) * norm.ppf(self.truth) * y)))
        if self.metric == "accuracy":
            y = random.random(self.n) < 0.4
            return y, np.where(y ^ (noise < norm.ppf(1 - self.truth)), 0.9, 0.1)
        if self.metric == "log_loss":
            odds = self.truth * noise - 2
            return random.random(self.n) < 1 / (1 + np.exp(-0.7 * odds)), 1 / (1 + np.exp(-odds))
        return np.zeros(self.n), np.exp(self.truth * noise)

    def _noise(self, random: np.random.Generator) -> np.ndarray:
        own = random.normal(size=self.n)
        if not self.days:
            return own
        return np.sqrt(1 - ALIKE) * own + np.sqrt(ALIKE) * random.normal(size=self.days)[self._day]

    @property
    def _day(self) -> np.ndarray:
        return np.arange(self.n) * self.days // self.n

    def true_value(self) -> float:
        if self.metric == "accuracy" or (self.metric == "roc_auc" and not self.days):
            return self.truth
        many = Known(self.metric, self.truth, MANY, MANY // 10 if self.days else 0)
        return score(self.metric, *many.answers(10**6))

    def missed(self, runs: int, resamples: int = 200) -> tuple[float, float]:
        """Shares of 95 % intervals that lie above the truth, and below it."""
        blocks, truth = Blocks("day", self._day, self.days) if self.days else None, self.true_value()
        found = []
        for seed in range(runs):
            y, p = self.answers(seed)
            found.append(
                paired(y, {"m": p}, [self.metric], resamples, seed=seed, blocks=blocks).interval(self.metric, "m")
            )
        return float(np.mean([f.low > truth for f in found])), float(np.mean([f.high < truth for f in found]))
