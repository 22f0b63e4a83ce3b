"""At which level each of many p-values is a discovery, so that few of all discoveries are false.

Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57, 1995.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import false_discovery_control


def discovery_level(p_values: Sequence[float], rate: float) -> float:
    """The level below which exactly the discoveries are, of which a share ``rate`` is expected to be false.

    ``p_values`` are those of all that is asked together; ``rate`` itself where nothing is asked.
    """
    if not len(p_values):
        return rate
    found = int((false_discovery_control(np.clip(p_values, 0, 1)) <= rate).sum())
    return rate * max(found, 1) / len(p_values)


def most_often(least: int, asked: int, rate: float) -> float:
    """How often at least ``least`` of ``asked`` are discoveries where nothing is to be found, at most.

    However the p-values depend on each other: the sum that proves theorem 1.3 of Benjamini and Yekutieli, Annals of
    Statistics 29, 2001, from ``least`` discoveries on.
    """
    if least > asked:
        return 0.0
    return min(1.0, rate * (1 + sum(1 / k for k in range(least + 1, asked + 1))))
