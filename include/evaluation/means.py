"""Intervals of means and shares of rows that come in blocks: as wide as those of so many independent rows."""

import numpy as np
from scipy.special import ndtri, stdtrit

from include.contracts.evaluation import Interval
from include.evaluation.blocks import Blocks
from include.evaluation.power import design_effect


def mean_interval(values: np.ndarray, blocks: Blocks, confidence: float) -> Interval:
    """Of the mean of ``values`` (n,), of one the value itself; of a share that of Wilson (JASA 22, 1927)."""
    values, tail = np.asarray(values, dtype=float), (1 - confidence) / 2
    n, mean = len(values), float(values.mean())
    effect = design_effect(values - mean, np.zeros(n, dtype=np.int64), blocks)
    effective = max(1, round(n / effect))
    if np.isin(values, (0, 1)).all():
        low, high = _wilson(mean, n / effect, float(ndtri(1 - tail)))
    else:
        free = (n if blocks.unit == "row" else blocks.count) - 1
        error = values.std(ddof=1) * np.sqrt(effect / n) if n > 1 else 0.0
        half = float(error * stdtrit(max(1, free), 1 - tail))
        low, high = mean - half, mean + half
    return Interval(value=mean, low=low, high=high, n=n, effective_n=effective)


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    middle, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = ((middle + end) / (1 + z**2 / n) for end in (-half, half))
    return max(0.0, float(low)), min(1.0, float(high))
