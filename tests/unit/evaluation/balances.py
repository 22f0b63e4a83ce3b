"""What is weighed in an evaluation, made from a value and the half-width of its 95 % interval."""

import numpy as np
from scipy.stats import norm

from include.contracts.evaluation import Interval
from include.evaluation.blocks import Blocks
from include.evaluation.difference import Difference
from include.evaluation.net_value import Balance

ROWS = Blocks("row", np.arange(1000), 1000)
DRAWS = norm.ppf(np.arange(0.5, 1000) / 1000)


def difference(value: float, half: float = 0.005, blocks: Blocks = ROWS, n: int = 1000) -> Difference:
    figure = Interval(value=value, low=value - half, high=value + half, n=n)
    return Difference(figure, value + half / norm.ppf(0.975) * DRAWS, blocks)


def weighed(
    gain: float, kept: float = 0.0, half: float = 0.005, looks: int = 1, blocks: Blocks = ROWS, **losses: float
) -> Balance:
    """``kept`` is B-A."""
    return Balance(difference(gain, half, blocks), difference(kept, half, blocks), losses, looks)
