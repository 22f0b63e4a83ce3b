"""Every metric of many resamples at once: multiplicities of the rows (k, n) in, the metric of each resample (k,) out.

A resample is held as the number of times that each row was drawn, so a metric is a weighted one, and most are functions
of weighted sums: one matrix product. The area under the ROC curve is the weighted Mann-Whitney statistic with ties
counted half (Bamber 1975; Hanley and McNeil 1982). Where whole blocks are drawn, most metrics need the sums of each
block only (``grouped``), which costs a fraction of drawing rows.
A resample in which the metric is undefined gives NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from include.evaluation.metrics import brier_losses, log_losses, predicted_class, silhouettes

Weighted = Callable[[np.ndarray], np.ndarray]
NO_VARIANCE = 1e-10  # share of the mean square that rounding leaves of a variance that is zero


def _ahead(counts: np.ndarray) -> np.ndarray:
    """(k, n) -> (k, n + 1): rows drawn before each position."""
    cumulated = np.zeros((len(counts), counts.shape[1] + 1))
    np.cumsum(counts, axis=1, out=cumulated[:, 1:])
    return cumulated


def ratio(above: np.ndarray, below: np.ndarray, undefined: float = np.nan) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), undefined), where=below > 0)


@dataclass(frozen=True)
class Area:
    """Area under the ROC curve of bool labels ``y`` (n,): sorted once, a resample costs one cumulative sum."""

    y: np.ndarray
    p: np.ndarray

    @cached_property
    def _ranked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Positives, negatives by score, and how many of these are below each positive, and below or equal."""
        positive, negative = np.flatnonzero(self.y), np.flatnonzero(~self.y)
        negative = negative[np.argsort(self.p[negative])]
        first, last = (np.searchsorted(self.p[negative], self.p[positive], side=side) for side in ("left", "right"))
        return positive, negative, first, last

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        positive, negative, first, last = self._ranked
        ahead, drawn = _ahead(counts[:, negative]), counts[:, positive]
        wins = np.einsum("ij,ij->i", drawn, ahead[:, first]) + np.einsum("ij,ij->i", drawn, ahead[:, last])
        return ratio(wins / 2, drawn.sum(axis=1, dtype=float) * ahead[:, -1])

    def grouped(self, codes: np.ndarray, count: int) -> Weighted:
        """For multiplicities of blocks: the wins of each block's positives over each block's negatives, once."""
        positive, negative, _, _ = self._ranked
        wins = np.empty((count, count))
        for block in range(count):
            below = self.p[negative[codes[negative] == block]]
            won = np.searchsorted(below, self.p[positive], "left") + np.searchsorted(below, self.p[positive], "right")
            wins[:, block] = np.bincount(codes[positive], weights=won / 2, minlength=count)
        positives, negatives = (np.bincount(codes[rows], minlength=count) for rows in (positive, negative))
        return lambda drawn: ratio(
            np.einsum("ij,ij->i", drawn @ wins, drawn), (drawn @ positives).astype(float) * (drawn @ negatives)
        )


@dataclass(frozen=True)
class Mean:
    """The mean of several metrics."""

    parts: list[Area]

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        return np.mean([part(counts) for part in self.parts], axis=0)

    def grouped(self, codes: np.ndarray, count: int) -> Weighted:
        parts = [part.grouped(codes, count) for part in self.parts]
        return lambda drawn: np.mean([part(drawn) for part in parts], axis=0)


def _roc_auc_ovr(y: np.ndarray, p: np.ndarray) -> Weighted:
    """Mean of the K one-vs-rest areas; undefined where a class was not drawn."""
    shares = p / p.sum(axis=1, keepdims=True)
    return Mean([Area(y == k, shares[:, k]) for k in range(p.shape[1])])


def _average_precision(y: np.ndarray, p: np.ndarray) -> Weighted:
    order = np.argsort(-p, kind="stable")
    sorted_p, positive = -p[order], np.flatnonzero(y[order])
    # all rows of a tie share one threshold, so precision is taken where the tie ends
    end = np.searchsorted(sorted_p, sorted_p[positive], side="right")
    hits = np.searchsorted(positive, end, side="left")
    rows = order[positive]

    def weighted(counts: np.ndarray) -> np.ndarray:
        everything, drawn = _ahead(counts[:, order])[:, end], counts[:, rows]
        precision = ratio(_ahead(drawn)[:, hits], everything, undefined=0.0)
        return ratio(np.einsum("ij,ij->i", drawn, precision), drawn.sum(axis=1, dtype=float))

    return weighted


@dataclass(frozen=True)
class Sums:
    """A metric that is a function of weighted sums: those of several models are then one matrix product.

    ``columns`` (n, c) are summed; ``finish`` takes the sums (c, k) and the numbers of rows drawn (k,). ``sizes``: rows
    that each line of the columns stands for; None: one.
    """

    columns: np.ndarray
    finish: Callable[[np.ndarray, np.ndarray], np.ndarray]
    sizes: np.ndarray | None = None

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        return self.finish((counts @ self.columns).T, self.rows(counts))

    def rows(self, counts: np.ndarray) -> np.ndarray:
        return counts.sum(axis=1) if self.sizes is None else counts @ self.sizes

    def grouped(self, codes: np.ndarray, count: int) -> "Sums":
        """For multiplicities of blocks: sums of each block, once."""
        columns = [np.bincount(codes, weights=column, minlength=count) for column in self.columns.T]
        return Sums(np.column_stack(columns), self.finish, np.bincount(codes, minlength=count).astype(np.float64))


def mean(losses: np.ndarray) -> Sums:
    """The mean of the drawn rows' values (n,)."""
    return Sums(losses[:, None].astype(np.float64), lambda sums, drawn: sums[0] / drawn)


def _root_mean(squares: np.ndarray) -> Sums:
    return Sums(squares[:, None], lambda sums, drawn: np.sqrt(sums[0] / drawn))


def _accuracy(y: np.ndarray, p: np.ndarray) -> Sums:
    return mean(predicted_class(p) == y)


def _f1_macro(y: np.ndarray, p: np.ndarray) -> Sums:
    """Mean F1 of the classes that a resample has, as a label or as an answer."""
    classes = np.arange(p.shape[1] if p.ndim == 2 else 2)
    true, predicted = y[:, None] == classes, predicted_class(p)[:, None] == classes

    def finish(sums: np.ndarray, _: np.ndarray) -> np.ndarray:
        hits, size = np.split(sums, 2)
        return np.nanmean(ratio(hits, size), axis=0)  # a resample has at least one class

    return Sums(np.hstack([2.0 * (true & predicted), 1.0 * true + predicted]), finish)


def _r2(y: np.ndarray, p: np.ndarray) -> Sums:
    middle = y - y.mean()

    def finish(sums: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        left, first, second = sums / drawn
        variance = second - first**2
        return 1 - ratio(left, np.where(variance > NO_VARIANCE * second, variance, 0.0))

    return Sums(np.column_stack([(y - p) ** 2, middle, middle**2]), finish)


def _median(values: np.ndarray) -> Weighted:
    """The median of the drawn values: of an even number, the mean of the middle two."""
    order = np.argsort(values)
    ranked = values[order]

    def weighted(counts: np.ndarray) -> np.ndarray:
        through = np.cumsum(counts[:, order], axis=1)
        drawn = through[:, -1:]
        lower = (through < np.floor((drawn + 1) / 2)).sum(axis=1)
        upper = (through < np.floor(drawn / 2) + 1).sum(axis=1)
        return (ranked[lower] + ranked[upper]) / 2

    return weighted


WEIGHTED: dict[str, Callable[[np.ndarray, np.ndarray], Weighted]] = {
    "roc_auc": Area,
    "average_precision": _average_precision,
    "brier": lambda y, p: mean(brier_losses(y, p)),
    "log_loss": lambda y, p: mean(log_losses(y, p)),
    "accuracy": _accuracy,
    "f1_macro": _f1_macro,
    "roc_auc_ovr": _roc_auc_ovr,
    "mae": lambda y, p: mean(np.abs(p - y)),
    "rmse": lambda y, p: _root_mean((p - y) ** 2),
    "r2": _r2,
    "median_absolute_error": lambda y, p: _median(np.abs(p - y)),
    "silhouette": lambda space, p: mean(silhouettes(space, p.argmax(axis=1))),
}
