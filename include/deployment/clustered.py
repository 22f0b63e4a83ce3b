"""The difference of two means over rows that come from unequal clients.

A heavy client must not decide alone. The variance is that of cluster means with the CR2 correction, its degrees of
freedom are Satterthwaite's (Bell and McCaffrey, Survey Methodology 28, 2002; Imbens and Kolesár, Review of Economics
and Statistics 98, 2016), both for rows of one client that are all alike: the worst case. Unequal clients say as much
as their effective number of equal ones (Kish, "Survey Sampling", 1965; Carter, Schnepel and Steigerwald, Review of
Economics and Statistics 99, 2017). Dealing clients to the arms again at random, with the studentised difference (Chung
and Romano, Annals of Statistics 41, 2013), gives a p that holds for any distribution of their losses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from include.contracts.evaluation import Interval

DEALS = 1999  # of the entities to the arms
CELLS = 4_000_000  # dealt entities that are in memory at a time


@dataclass(frozen=True)
class ClusteredMean:
    """A mean over rows whose variance knows that the rows of one entity belong together.

    ``effective`` is Kish's number of equal entities, ``freedom`` the degrees of freedom of the variance.
    """

    rows: int
    entities: int
    effective: float
    mean: float
    variance: float
    freedom: float

    @classmethod
    def of(cls, values: np.ndarray, entities: np.ndarray) -> "ClusteredMean":
        """Of a value per row (n,) and whose it is (n,)."""
        _, codes = np.unique(entities, return_inverse=True)
        return cls.of_entities(np.bincount(codes), np.bincount(codes, weights=values))

    @classmethod
    def of_entities(cls, counts: np.ndarray, totals: np.ndarray) -> "ClusteredMean":
        """Of the rows of each entity (g,) and the sum of their values (g,)."""
        n, groups = int(counts.sum()), len(counts)
        mean = float(totals.sum() / n) if n else 0.0
        effective = float(n**2 / (counts.astype(float) ** 2).sum()) if n else 0.0
        if groups < 2:
            return cls(n, groups, effective, mean, float("nan"), float("nan"))
        _, variance = _moments(counts.astype(float), totals)
        return cls(n, groups, effective, mean, float(variance), _freedom(counts / n))


def _moments(counts: np.ndarray, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean, CR2 variance) over the last axis: of each squared residual the part that its expectation lacks."""
    weights = counts / counts.sum(axis=-1, keepdims=True)
    residuals = totals / counts - (weights * totals / counts).sum(axis=-1, keepdims=True)
    parts = weights**2 * residuals**2 / _kept(weights)
    return totals.sum(axis=-1) / counts.sum(axis=-1), parts.sum(axis=-1)


def _kept(weights: np.ndarray) -> np.ndarray:
    """Share of the variance of each entity's mean that its residual keeps, by the weights (…, g), two at least."""
    return 1 - 2 * weights + (weights**2).sum(axis=-1, keepdims=True)


def _freedom(weights: np.ndarray) -> float:
    """Satterthwaite's degrees of freedom of the CR2 variance, by the weights (g,); g - 1 when they are equal."""
    kept = _kept(weights)
    scale, half = weights**2 / kept, (weights**2).sum() / 2 - weights
    squares = (scale**2 * (1 + 4 * half)).sum() + 2 * scale.sum() * (scale * half**2).sum()
    return float((scale * kept).sum() ** 2 / (squares + 2 * (scale * half).sum() ** 2))


def difference(champion: ClusteredMean, challenger: ClusteredMean, confidence: float) -> Interval | None:
    """Challenger - champion with its interval (Welch's combination of both freedoms); None below two entities."""
    from scipy.special import stdtrit  # only when a test is read out: the pages import this into Airflow's API server

    if min(champion.entities, challenger.entities) < 2:
        return None
    arms = (champion, challenger)
    variance, value = sum(arm.variance for arm in arms), challenger.mean - champion.mean
    n = champion.rows + challenger.rows
    if variance == 0:
        return Interval(value=value, low=value, high=value, n=n)
    freedom = variance**2 / sum(arm.variance**2 / arm.freedom for arm in arms)
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * variance**0.5
    return Interval(value=value, low=value - half, high=value + half, n=n)


def dealt_again(arms: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Two-sided p: how often entities that are dealt at random to the arms differ as much as they do.

    ``arms`` are champion and challenger: rows (g,) and totals (g,) of each entity. The deals are the same every time.
    """
    from scipy import stats

    counts, totals = (np.concatenate([arm[i] for arm in arms]).astype(float) for i in (0, 1))
    first, size = len(arms[0][0]), len(counts)

    def studentised(champion: np.ndarray, challenger: np.ndarray, axis: int) -> np.ndarray:
        means, variances = zip(*(_moments(counts[i], totals[i]) for i in (champion, challenger)), strict=True)
        gap = means[1] - means[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(gap == 0, 0.0, gap / np.sqrt(sum(variances)))

    dealt = stats.permutation_test(
        (np.arange(first), np.arange(first, size)), studentised, vectorized=True, n_resamples=DEALS,
        batch=max(1, CELLS // size), rng=np.random.default_rng(size),
    )  # fmt: skip
    return float(dealt.pvalue)
