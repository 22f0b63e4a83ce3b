"""Losses of a release day by day, with and without a change, as the detectors of a change read them."""

from dataclasses import dataclass

import numpy as np

from include.operations.performance.block_losses import BlockLosses

MEAN, OF_ROW, OF_DAY = 0.15, 0.2, 0.03


@dataclass(frozen=True)
class Days:
    """``count`` days of about ``rows`` rows each, fewer at weekends.

    A row's loss scatters by ``OF_ROW`` (gamma, as Brier scores are skewed), a day's level by ``OF_DAY`` times
    ``days``, of which ``lasting`` (0 to 1) stays on the next day. From day ``at`` on the level is ``rise`` standard
    deviations of a day's level higher.
    """

    count: int
    rows: int = 300
    days: float = 1.0
    lasting: float = 0.0
    rise: float = 0.0
    at: int = 0

    def levels(self, random: np.random.Generator) -> np.ndarray:
        """(count,) the mean loss of each day."""
        own, level = random.normal(size=self.count), np.zeros(self.count)
        level[0] = own[0]
        for day in range(1, self.count):
            level[day] = self.lasting * level[day - 1] + np.sqrt(1 - self.lasting**2) * own[day]
        risen = self.rise * (np.arange(self.count) >= self.at)
        return np.maximum(MEAN + OF_DAY * (self.days * level + risen), 0.01)

    def losses(self, seed: int) -> BlockLosses:
        random = np.random.default_rng(seed)
        kept = []
        for day, level in enumerate(self.levels(random)):
            n = int(self.rows * (0.6 if day % 7 > 4 else 1.0))
            shape = (MEAN / OF_ROW) ** 2
            losses = random.gamma(shape, level / shape, n)
            block = str(np.datetime64("2013-01-01") + day)
            kept.append({"block": block, "rows": n, "total": losses.sum(), "squares": (losses**2).sum()})
        return BlockLosses.summed(kept)


UNCHANGED = {
    "independent rows": {"days": 0.0},
    "days that differ": {"days": 1.0},
    "days that last": {"days": 1.0, "lasting": 0.3},
}
