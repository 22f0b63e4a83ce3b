"""Paired bootstrap of several models on one test set.

Rows are drawn with replacement, the same rows for every model, so that the interval of a difference
does not contain the luck of the draw that both share. Intervals are percentile intervals.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 13 (percentile interval)
and 16.  A resample is held as the multiplicity of each row; every metric is then a weighted sum. The
area under the ROC curve is the weighted Mann-Whitney statistic with ties counted half (Bamber 1975;
Hanley and McNeil 1982): sorted once per model, a resample costs one cumulative sum.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from include.contracts import Interval
from include.errors import EvaluationError
from include.evaluation.metrics import CLIP, checked, direction, score

CHUNK_CELLS = 500_000  # resamples x rows held at once: 4 MB arrays stay in the cache, twice as fast as 32 MB ones
DEFINED_SHARE = 0.95  # so many resamples must have both classes

Weighted = Callable[[np.ndarray], np.ndarray]  # multiplicities (k, n) -> metric (k,)


@dataclass(frozen=True)
class Resampled:
    """Point values and resampled values of each (metric, model)."""

    n: int
    confidence: float
    points: dict[tuple[str, str], float]
    draws: dict[tuple[str, str], np.ndarray]

    def interval(self, metric: str, model: str) -> Interval:
        return self._interval(metric, self.points[metric, model], self.draws[metric, model], self.n)

    def gain(self, metric: str, model: str, over: str, other: "Resampled | None" = None) -> Interval:
        """How much better ``model`` is than ``over``: positive is better, whatever the metric's direction.

        Paired when both are in this test set; with ``other`` (a test set drawn independently) ``over`` is
        taken from there and the draws are independent.
        """
        base = other or self
        sign = direction(metric)
        point = sign * (self.points[metric, model] - base.points[metric, over])
        draws = sign * (self.draws[metric, model] - base.draws[metric, over])
        return self._interval(f"gain in {metric}", point, draws, min(self.n, base.n))

    def _interval(self, what: str, point: float, draws: np.ndarray, n: int) -> Interval:
        defined = draws[np.isfinite(draws)]
        if len(defined) < DEFINED_SHARE * len(draws):
            raise EvaluationError(
                f"{what}: only {len(defined)} of {len(draws)} resamples have both classes; the test set of {n} rows "
                "has too few rows of one class"
            )
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(defined, [tail, 1 - tail])
        return Interval(value=point, low=float(low), high=float(high), n=n)


def paired(
    y: np.ndarray,
    models: Mapping[str, np.ndarray],
    metrics: Sequence[str],
    resamples: int = 1000,
    confidence: float = 0.95,
    *,
    seed: int = 0,
) -> Resampled:
    """Resample every metric of every model on the same rows.

    Parameters
    ----------
    y : (n,) labels in {0, 1}
    models : probabilities (n,) per model name

    Raises
    ------
    EvaluationError
        unusable labels or probabilities, or a ranking metric on a single class.
    """
    inputs = {model: checked(y, p, model) for model, p in models.items()}
    points = {(m, model): score(m, *pair) for m in metrics for model, pair in inputs.items()}
    weighted = {(m, model): WEIGHTED[m](*pair) for m in metrics for model, pair in inputs.items()}
    draws: dict[tuple[str, str], list[np.ndarray]] = {key: [] for key in weighted}
    for counts in _multiplicities(len(y), resamples, seed):
        for key, metric in weighted.items():
            draws[key].append(metric(counts))
    return Resampled(len(y), confidence, points, {key: np.concatenate(parts) for key, parts in draws.items()})


def _multiplicities(n: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each row is drawn, in chunks (k, n) of bounded memory."""
    random = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // n)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        yield np.stack([np.bincount(random.integers(0, n, n), minlength=n) for _ in range(size)]).astype(np.float64)


def _ahead(counts: np.ndarray) -> np.ndarray:
    """(k, n) -> (k, n + 1): rows drawn before each position."""
    cumulated = np.zeros((len(counts), counts.shape[1] + 1))
    np.cumsum(counts, axis=1, out=cumulated[:, 1:])
    return cumulated


def _roc_auc(y: np.ndarray, p: np.ndarray) -> Weighted:
    positive, negative = np.flatnonzero(y), np.flatnonzero(~y)
    negative = negative[np.argsort(p[negative])]
    first = np.searchsorted(p[negative], p[positive], side="left")
    last = np.searchsorted(p[negative], p[positive], side="right")

    def weighted(counts: np.ndarray) -> np.ndarray:
        ahead, drawn = _ahead(counts[:, negative]), counts[:, positive]
        wins = np.einsum("ij,ij->i", drawn, ahead[:, first]) + np.einsum("ij,ij->i", drawn, ahead[:, last])
        return _ratio(wins / 2, drawn.sum(axis=1, dtype=float) * ahead[:, -1])

    return weighted


def _average_precision(y: np.ndarray, p: np.ndarray) -> Weighted:
    order = np.argsort(-p, kind="stable")
    sorted_p, positive = -p[order], np.flatnonzero(y[order])
    # all rows of a tie share one threshold, so precision is taken where the tie ends
    end = np.searchsorted(sorted_p, sorted_p[positive], side="right")
    hits = np.searchsorted(positive, end, side="left")
    rows = order[positive]

    def weighted(counts: np.ndarray) -> np.ndarray:
        everything, drawn = _ahead(counts[:, order])[:, end], counts[:, rows]
        precision = _ratio(_ahead(drawn)[:, hits], everything, undefined=0.0)
        return _ratio(np.einsum("ij,ij->i", drawn, precision), drawn.sum(axis=1, dtype=float))

    return weighted


def _mean(losses: np.ndarray) -> Weighted:
    return lambda counts: counts @ losses / len(losses)


def _log_losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    clipped = np.clip(p, CLIP, 1 - CLIP)
    return -np.log(np.where(y, clipped, 1 - clipped))


def _ratio(above: np.ndarray, below: np.ndarray, undefined: float = np.nan) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), undefined), where=below > 0)


WEIGHTED: dict[str, Callable[[np.ndarray, np.ndarray], Weighted]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "brier": lambda y, p: _mean((p - y) ** 2),
    "log_loss": lambda y, p: _mean(_log_losses(y, p)),
}
