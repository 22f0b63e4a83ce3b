"""What a test set can tell: the smallest true effect that is found with 80 %, and the rows that a given effect needs.

The standard error is that of the draws, with the t distribution of so many blocks; an effect is found with probability
``power`` when it is the sum of both quantiles away from the limit (Cohen, "Statistical Power Analysis", 1988, ch. 2).
"""

import numpy as np
from scipy.special import stdtrit

from include.evaluation.blocks import Blocks

POWER = 0.8
MOST_TIMES = 100
"""An effect that needs so many times the rows is not one that a larger test set will find."""


def standard_error(draws: np.ndarray, independent: int) -> float:
    """Of a figure with these resampled values (k,), of so many independent rows or blocks; NaN of one."""
    defined = draws[np.isfinite(draws)]
    if independent < 2 or not len(defined):
        return float("nan")
    return float(defined.std() * np.sqrt(independent / (independent - 1)))


def detectable(draws: np.ndarray, independent: int, level: float, power: float = POWER) -> float:
    """The effect that a test at this one-sided ``level`` finds with probability ``power``; NaN of one block."""
    return standard_error(draws, independent) * quantiles(independent, level, power)


def needed(
    draws: np.ndarray, n: int, effect: float, *, level: float, independent: int, power: float = POWER
) -> int | None:
    """About so many rows, in blocks like these, find a true ``effect``: ``n`` where these are enough.

    ``draws`` (k,) are the resampled values of the figure on ``n`` rows in ``independent`` blocks (``n`` where rows are
    drawn). None where no effect is to be found, or more than ``MOST_TIMES`` the rows were needed.
    """
    return rows_for(detectable(draws, independent, level, power), n, effect)


def rows_for(found: float, n: int, effect: float) -> int | None:
    """About so many rows find the ``effect`` where ``n`` find one of size ``found``: errors fall with the root of n."""
    more = found / effect if effect > 0 else float("nan")
    if not more <= MOST_TIMES**0.5:
        return None
    return max(n, two_digits(n * more**2))


def quantiles(independent: int, level: float, power: float) -> float:
    """So many standard errors from the limit an effect is found with probability ``power``."""
    return float(stdtrit(independent - 1, power) - stdtrit(independent - 1, level))


def effective_rows(n: int, row_variance: float, variance: float) -> int:
    """So many independent rows scatter as these ``n`` do, between 1 and n; their variance is the ``row_variance``."""
    return max(1, round(n * row_variance / variance)) if variance > row_variance else n


def design_effect(residuals: np.ndarray, parts: np.ndarray, blocks: Blocks) -> float:
    """By how much the variance of sums of ``residuals`` (n,), by part (n,), is larger by blocks than by rows; from 1.

    The residuals have mean 0 in each part (Kish, "Survey Sampling", 1965).
    """
    if blocks.unit == "row" or blocks.count < 2:
        return 1.0
    count = int(parts.max()) + 1
    sums = np.bincount(blocks.codes * count + parts, weights=residuals, minlength=blocks.count * count)
    by_blocks, by_rows = (sums**2).sum() * blocks.count / (blocks.count - 1), (residuals**2).sum()
    return max(1.0, float(by_blocks / by_rows)) if by_rows else 1.0


def two_digits(rows: float) -> int:
    """Upwards: 12,345 is about 13,000."""
    unit = 10 ** max(0, int(np.log10(max(rows, 1))) - 1)
    return int(np.ceil(rows / unit)) * unit
