"""What a metric of probabilities will be, before labels are known: its expectation when labels are drawn by them.

``p`` (n,) or (n, K) are the answers that are judged, ``chances`` (n,) or (n, K) the probabilities of the label. Ratios
are ratios of expectations, which differ from the expectation of the ratio by the order of 1 / n. Confidence-based
performance estimation: Kivimäki, Białek, Kuberski, Nurminen, "Performance Estimation in Binary Classification Using
Calibrated Confidence", arXiv 2505.05295, 2025; NannyML calls it CBPE. It holds as long as the label depends on the
answer as it did where ``chances`` were learned, and says nothing of a change of that.

Every metric is a function of the mass of each label in each row. Its gradient (n, K) tells both how much it scatters
with the rows (the infinitesimal jackknife: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 21)
and with the labels that they will get, at the cost of one sort.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from include.errors import UndefinedMetricError
from include.evaluation.metrics import CLIP, predicted_class

Gradient = tuple[float, np.ndarray]
"""Value of a metric, and its derivative (n, K) by the mass of each label in each row."""


@dataclass(frozen=True)
class Expected:
    """An expected metric; ``rows`` (n,) is what each row moves it by, ``labels`` its variance by the labels alone."""

    value: float
    rows: np.ndarray
    labels: float

    def variance(self, codes: np.ndarray, count: int) -> float:
        """By the rows, where blocks of them with these ``codes`` (n,) are drawn together; of one block 0."""
        of_blocks = np.bincount(codes, weights=self.rows, minlength=count)
        return float(count / (count - 1) * np.square(of_blocks).sum()) if count > 1 else 0.0


def expected(metric: str, p: np.ndarray, chances: np.ndarray) -> Expected:
    """The metric of the answers ``p`` when labels are drawn by ``chances``; one of ``METRICS``.

    Raises UndefinedMetricError when a ranking metric has no value, as a class is never drawn.
    """
    answers, masses = _table(p), _table(chances)
    value, gradient = METRICS[metric](answers, masses)
    if not np.isfinite(value):
        raise UndefinedMetricError(f"{metric} cannot be expected: the probabilities of {len(p)} rows rule a class out")
    of_rows = (masses * gradient).sum(axis=1)
    of_labels = (masses * np.square(gradient)).sum() - np.square(of_rows).sum()
    return Expected(value, of_rows - of_rows.mean(), max(0.0, float(of_labels)))


def _table(p: np.ndarray) -> np.ndarray:
    """Probabilities of every class (n, K), each row with the sum 1."""
    p = np.asarray(p, dtype=np.float64)
    return np.column_stack([1 - p, p]) if p.ndim == 1 else p / p.sum(axis=1, keepdims=True)


def _mean(losses: np.ndarray, masses: np.ndarray) -> Gradient:
    """Of a loss (n, K) of each label."""
    value = float((masses * losses).sum() / len(losses))
    return value, (losses - value) / len(losses)


def _brier(p: np.ndarray, masses: np.ndarray) -> Gradient:
    both = np.square(p).sum(axis=1, keepdims=True) - 2 * p + 1
    return _mean(both / 2 if p.shape[1] == 2 else both, masses)


def _log_loss(p: np.ndarray, masses: np.ndarray) -> Gradient:
    return _mean(-np.log(np.clip(p, CLIP, 1 - CLIP)), masses)


def _predicted(p: np.ndarray) -> np.ndarray:
    return predicted_class(p if p.shape[1] > 2 else p[:, 1])


def _accuracy(p: np.ndarray, masses: np.ndarray) -> Gradient:
    return _mean(np.eye(p.shape[1])[_predicted(p)], masses)


def _f1_macro(p: np.ndarray, masses: np.ndarray) -> Gradient:
    predicted = np.eye(p.shape[1])[_predicted(p)]
    size = masses.sum(axis=0) + predicted.sum(axis=0)
    there, size = size > 0, np.where(size > 0, size, 1.0)
    f1 = 2 * (predicted * masses).sum(axis=0) / size
    classes = there.sum()
    moved = 2 * predicted / size - predicted @ (f1 / size)[:, None] - f1 / size
    return float(f1.sum() / classes), moved / classes


def _area(p: np.ndarray, positive: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Area under the ROC curve, and its derivatives (n,) by the mass of positives and of negatives of each row."""
    negative, group = 1 - positive, np.unique(p, return_inverse=True)[1]
    wins = _won(group, negative)
    losses = positive.sum() - _won(group, positive)  # half of a tie is won, half is lost
    both, alone = positive.sum() * negative.sum(), float((positive * negative).sum())  # no row is paired with itself
    if both - alone <= 0:
        return float("nan"), wins, losses
    value = float((positive @ wins - alone / 2) / (both - alone))
    return value, wins / both - value / positive.sum(), losses / both - value / negative.sum()


def _won(group: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """(n,) mass in the groups below that of each row, and half of that in its own."""
    of_group = np.bincount(group, weights=mass)
    return (np.cumsum(of_group) - of_group / 2)[group]


def _roc_auc(p: np.ndarray, masses: np.ndarray) -> Gradient:
    value, by_positive, by_negative = _area(p[:, 1], masses[:, 1])
    return value, np.column_stack([by_negative, by_positive])


def _roc_auc_ovr(p: np.ndarray, masses: np.ndarray) -> Gradient:
    areas = [_area(answers, mass) for answers, mass in zip(p.T, masses.T, strict=True)]
    every = np.sum([by_negative for _, _, by_negative in areas], axis=0)
    gradient = np.column_stack([every + by_positive - by_negative for _, by_positive, by_negative in areas])
    return float(np.mean([value for value, _, _ in areas])), gradient / len(areas)


def _average_precision(p: np.ndarray, masses: np.ndarray) -> Gradient:
    positive, total = masses[:, 1], masses[:, 1].sum()
    if total <= 0:
        return float("nan"), masses
    group = np.unique(-p[:, 1], return_inverse=True)[1]  # the highest answer is the first group
    of_group = np.bincount(group, weights=positive)
    called, hits = np.cumsum(np.bincount(group)).astype(np.float64), np.cumsum(of_group)
    precision = hits / called
    itself = float((positive * (1 - positive) / called[group]).sum())  # a positive is always among its own hits
    value = float((of_group @ precision + itself) / total)
    gained, thinned = (np.cumsum(each[::-1])[::-1] for each in (of_group / called, of_group * precision / called))
    by_negative = -thinned[group] / total
    return value, np.column_stack([by_negative, (precision + gained)[group] / total + by_negative - value / total])


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], Gradient]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "brier": _brier,
    "log_loss": _log_loss,
    "accuracy": _accuracy,
    "f1_macro": _f1_macro,
    "roc_auc_ovr": _roc_auc_ovr,
}
