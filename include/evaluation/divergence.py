"""How far two distributions are apart, and how far chance alone puts two samples of one distribution.

Population stability index (Siddiqi, "Credit Risk Scorecards", 2006) and Jensen-Shannon divergence (Lin, IEEE Trans.
Information Theory 37, 1991; base 2, so in [0, 1]).
"""

from collections.abc import Mapping
from dataclasses import replace
from math import log
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from include.errors import DataError
from include.evaluation.block_counts import Drawn, Sample, by_blocks
from include.evaluation.chance import Chance
from include.evaluation.histograms import Paired, category_bins, paired, within_range

HALF_ROW = 0.5  # Jeffreys' prior: an empty bin is rare, not impossible
CHANCE = 0.001  # how often two samples of one distribution are further apart than the noise floor
DRAWS, CELLS = (30, 200), 2_000_000  # permutations: fewer of more categories
ROW_DRAWS, MOST_BEYOND = 1000, 1000
FEW = 20  # expected rows of a bin: with fewer, chi-squared is not how PSI is distributed
JS_OF_PSI = 1 / (8 * log(2))  # of close distributions, to the second order


class Divergence(NamedTuple):
    """PSI and Jensen-Shannon divergence, the distribution of the PSI without a change, and the design effect.

    Of ``n`` rows in blocks only n / ``effect`` are independent.
    """

    psi: float
    js: float
    chance: Chance
    effect: float = 1.0

    @property
    def p_value(self) -> float:
        """How likely chance alone puts two samples of one distribution so far apart."""
        return self.chance.p_value(self.psi)

    @property
    def floor(self) -> float:
        return self.floor_at(CHANCE)

    def floor_at(self, level: float) -> float:
        """The PSI that chance alone exceeds with the probability ``level``."""
        return self.chance.quantile(level)


def divergence(described: Mapping[str, Any], values: pd.Series, drawn: Drawn | None = None) -> Divergence:
    """``values`` (n,) against the described distribution; raises DataError when either has no rows.

    ``drawn``: of which blocks the rows are; None: rows are independent.
    """
    pair = paired(described, values)
    return between(pair) if drawn is None else between(pair, *drawn.samples(described, values))


def between(pair: Paired, before: Sample | None = None, now: Sample | None = None) -> Divergence:
    """How far the two sides are apart; raises DataError when either has no rows.

    ``before`` and ``now`` are their rows by block; None: rows are independent.
    """
    values, js = psi(pair.before, pair.now), js_divergence(pair.before, pair.now)
    if before is None or now is None:
        return Divergence(values, js, by_rows(pair))
    every = pair._replace(rows_before=int(pair.before.sum()), rows_now=int(pair.now.sum()))
    sides = [replace(side, counts=within_range(side.counts, pair.ranged)) for side in (before, now)]
    return Divergence(values, js, *by_blocks(sides[0], sides[1], by_rows(every)))


def by_rows(pair: Paired) -> Chance:
    """The PSI of two samples of one distribution whose rows are independent.

    In fixed bins PSI / (1/n + 1/m) is chi-squared with k - 1 degrees of freedom (Yurdakul and Naranjo, "Statistical
    properties of the population stability index", Journal of Risk Model Validation 14, 2020). With few rows in a bin,
    rows change sides at random (a permutation test). So they do where bins are chosen among many categories, which
    were common in one sample in part by luck: the bins are chosen anew each time. Where values come together, as words
    in a text do, there are fewer rows than values, and the PSI is as if those of a row were all alike.
    """
    pooled, size = _pooled(pair), 1 / pair.rows_before + 1 / pair.rows_now
    used = pooled > 0
    if pair.levels is not None:
        drawn = Chance.of(_permuted(pair.levels))
        drawn = drawn.times(size / (1 / pair.levels[0].sum() + 1 / pair.levels[1].sum()))
        return max(drawn, Chance.chi_squared(1, size), key=lambda one: one.quantile(CHANCE))
    share = min(pair.now.sum(), pair.before.sum()) / pooled.sum()
    if pooled[used].min() * share >= FEW or used.sum() < 2:
        freedom, (mean, variance) = max(int(used.sum()) - 1, 1), _beyond(pair) if pair.ranged else (0.0, 0.0)
        return Chance.moments(size * freedom + 2 * mean, 2 * size**2 * freedom + 2 * variance)
    values = 1 / pair.before.sum() + 1 / pair.now.sum()
    return Chance.of(_changed_sides(pair)).times(size / values)


def _beyond(pair: Paired) -> tuple[float, float]:
    """Mean and variance of what one end of the range of one sample adds to the PSI by luck; as ``_changed_sides``."""
    before, now = int(pair.before.sum()), int(pair.now.sum())
    rows = np.arange(1, MOST_BEYOND)
    p, q = HALF_ROW / before, (rows + HALF_ROW) / now
    added, chance = (q - p) * np.log(q / p), (now / (before + now)) ** rows * before / (before + now)
    mean = float((chance * added).sum())
    return mean, float((chance * added**2).sum()) - mean**2


def _changed_sides(pair: Paired) -> np.ndarray:
    """PSI (ROW_DRAWS,) of samples whose rows changed sides at random.

    What is below or above a range, which is that of one sample, is beyond it by luck: so many of the others are as come
    before the first of its own.
    """
    random, pooled, now = np.random.default_rng(0), _pooled(pair), int(pair.now.sum())
    drawn = random.multivariate_hypergeometric(pooled, now, ROW_DRAWS, method="marginals")
    rest = pooled - drawn
    if not pair.ranged:
        return _psi(rest, drawn)
    below, above = (random.geometric(pair.before.sum() / pooled.sum(), ROW_DRAWS) - 1 for _ in range(2))
    below = np.minimum(below, now)
    above = np.minimum(above, now - below)
    inside = drawn * ((now - below - above) / now)[:, None]
    inside[:, 0], inside[:, pair.ranged] = below, above
    return _psi(rest, inside)


def _pooled(pair: Paired) -> np.ndarray:
    """Rows of both by bin (k,); those beyond the range of one, which is luck, in the bins beside."""
    return within_range(pair.before + pair.now, pair.ranged)


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
        by_chance += _psi(*sides).tolist()
    return np.array(by_chance)


def psi(expected: np.ndarray, actual: np.ndarray) -> float:
    """Population stability index of two count vectors (k,); 0 is equal, above 0.25 is usually called a shift.

    Raises DataError when the vectors have different lengths, or one has no rows.
    """
    _shares(expected, actual)
    return float(_psi(np.asarray(expected), np.asarray(actual)))


def _psi(expected: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Of counts (…, k) each: (…,)."""
    prior = HALF_ROW * ((expected + actual) > 0)  # a bin that both leave empty says nothing
    p, q = ((counts + prior) / (counts + prior).sum(axis=-1, keepdims=True) for counts in (expected, actual))
    return np.asarray(((q - p) * np.log(np.divide(q, p, out=np.ones_like(p), where=p > 0))).sum(axis=-1))


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
