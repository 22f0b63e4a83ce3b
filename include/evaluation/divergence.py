"""How far two distributions are apart, and how far chance alone puts two samples of one distribution.

Population stability index (Siddiqi, "Credit Risk Scorecards", 2006) and Jensen-Shannon divergence (Lin, IEEE Trans.
Information Theory 37, 1991; base 2, so in [0, 1]).
"""

from collections.abc import Mapping
from math import log
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtri, gammaincinv

from include.errors import DataError
from include.evaluation.histograms import Paired, category_bins, paired

HALF_ROW = 0.5  # Jeffreys' prior: an empty bin is rare, not impossible
CHANCE = 0.001  # how often two samples of one distribution are further apart than the noise floor
DRAWS, CELLS = (30, 200), 2_000_000  # permutations: fewer of more categories
JS_OF_PSI = 1 / (8 * log(2))  # of close distributions, to the second order


class Divergence(NamedTuple):
    """PSI and Jensen-Shannon divergence, and the noise floor of each: what chance alone reaches, once in a thousand."""

    psi: float
    js: float
    floor: float

    @property
    def js_floor(self) -> float:
        return min(1.0, self.floor * JS_OF_PSI)


def divergence(described: Mapping[str, Any], values: pd.Series) -> Divergence:
    """``values`` (n,) against the described distribution; raises DataError when either has no rows."""
    return between(paired(described, values))


def between(pair: Paired) -> Divergence:
    """How far the two sides are apart; raises DataError when either has no rows."""
    return Divergence(psi(pair.before, pair.now), js_divergence(pair.before, pair.now), noise_floor(pair))


def noise_floor(pair: Paired, chance: float = CHANCE) -> float:
    """The PSI that two samples of one distribution exceed with the probability ``chance``.

    In fixed bins PSI / (1/n + 1/m) is chi-squared with k - 1 degrees of freedom (Yurdakul and Naranjo, "Statistical
    properties of the population stability index", Journal of Risk Model Validation 14, 2020). Bins that are chosen
    among many categories were common in one sample in part by luck: there, rows change sides at random (a permutation
    test), and the bins are chosen anew each time. Where values come together, as words in a text do, there are fewer
    rows than values, and the floor rises as if those of a row were all alike.
    """
    used, size = int(((pair.before + pair.now) > 0).sum()), 1 / pair.rows_before + 1 / pair.rows_now
    if pair.levels is None:
        return float(size * chdtri(max(used - 1, 1), chance))
    by_chance = _permuted(pair.levels)
    mean, spread = by_chance.mean(), by_chance.var()
    smoothed = gammaincinv(mean**2 / spread, 1 - chance) * spread / mean if spread else mean
    return float(max(smoothed * size / (1 / pair.levels[0].sum() + 1 / pair.levels[1].sum()), size * chdtri(1, chance)))


def _permuted(levels: np.ndarray) -> np.ndarray:
    """PSI of samples whose rows changed sides at random; ``levels`` (2, K): rows by category, missing ones last."""
    pooled, missing, rows = levels[:, :-1].sum(axis=0), levels[:, -1].sum(), levels[0].sum()
    often, single = pooled[pooled > 1], int((pooled == 1).sum())  # which of the single ones makes no difference
    at_once, draws = (int(np.clip(CELLS / max(len(often), 1), least, DRAWS[1])) for least in (1, DRAWS[0]))
    random = np.random.default_rng(0)
    random.shuffle(often)  # else equally common ones would be chosen by what they were in the sample
    by_chance = list[float]()
    while len(by_chance) < draws:
        drawn = random.multivariate_hypergeometric([missing, single, *often], rows, at_once, method="marginals")
        gone, alone, before = drawn[:, 0], drawn[:, 1], drawn[:, 2:]
        pairs = zip(category_bins(before, often - before), (gone, missing - gone), (alone, single - alone), strict=True)
        sides = [np.column_stack([bins[:, :-1], bins[:, -1] + own, without]) for bins, without, own in pairs]
        by_chance += [psi(*pair) for pair in zip(*sides, strict=True)]
    return np.array(by_chance)


def psi(expected: np.ndarray, actual: np.ndarray) -> float:
    """Population stability index of two count vectors (k,); 0 is equal, above 0.25 is usually called a shift.

    Raises DataError when the vectors have different lengths, or one has no rows.
    """
    p, q = _shares(expected, actual)
    return float(np.sum((q - p) * np.log(q / p)))


def js_divergence(expected: np.ndarray, actual: np.ndarray) -> float:
    """Jensen-Shannon divergence of two count vectors (k,), base 2, in [0, 1]; raises DataError as ``psi``."""
    p, q = _shares(expected, actual)
    m = (p + q) / 2
    return float(np.sum(p * np.log2(p / m) + q * np.log2(q / m)) / 2)


def _shares(expected: np.ndarray, actual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    expected, actual = np.asarray(expected, dtype=float), np.asarray(actual, dtype=float)
    if expected.shape != actual.shape or not expected.sum() or not actual.sum():
        raise DataError(
            f"cannot compare histograms of shapes {expected.shape} and {actual.shape}: give rows in equal bins"
        )
    used = (expected + actual) > 0  # a bin that both leave empty says nothing
    p, q = expected[used] + HALF_ROW, actual[used] + HALF_ROW
    return p / p.sum(), q / q.sum()
