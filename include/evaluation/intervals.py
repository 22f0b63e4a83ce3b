"""Intervals of a metric that has an end: t intervals on a scale without one, taken back.

Near its end a metric scatters to one side only: of an AUC of .99 on 200 rows a percentile interval holds the truth in
90 %, not 95 %, and of an accuracy of .995 in 65 %. Shares (AUC, accuracy, F1, …) are taken to their logit and losses to
their logarithm, where they scatter evenly; the standard error there is the bootstrap's by the delta method (Pepe, "The
Statistical Evaluation of Medical Tests", 2003, section 5.2.5). Where nothing is wrong, nothing scatters: then the bound
is the exact one of a share of which no failure was seen (Clopper and Pearson, Biometrika 26, 1934).
"""

import numpy as np
from scipy.special import expit, logit, stdtrit

from include.evaluation.power import standard_error

SHARES = ("roc_auc", "average_precision", "accuracy", "f1_macro", "roc_auc_ovr")


def bounds(
    metric: str, point: float, draws: np.ndarray, tail: float, independent: int, trials: int
) -> tuple[float, float]:
    """Low and high, each with ``tail`` beyond it.

    ``draws`` (k,) are of ``independent`` rows or blocks. ``trials``: so many independent chances to fail there were,
    which is asked when there was no failure.
    """
    return of_error(metric, point, standard_error(draws, independent), tail, independent, trials)


def of_error(
    metric: str, point: float, error: float, tail: float, independent: int, trials: int
) -> tuple[float, float]:
    """The same of a standard ``error`` that is known."""
    half = error * float(-stdtrit(independent - 1, tail)) if independent > 1 else float("nan")
    if metric in SHARES:
        return _share(point, half, tail, trials)
    if metric == "silhouette":
        low, high = _share((point + 1) / 2, half / 2, tail, trials)
        return 2 * low - 1, 2 * high - 1
    if metric == "r2":
        low, high = _loss(1 - point, half)
        return 1 - high, 1 - low
    return _loss(point, half)


def _share(point: float, half: float, tail: float, trials: int) -> tuple[float, float]:
    if half == 0 and point in (0.0, 1.0):
        most = 1 - tail ** (1 / max(1, trials))  # so rare are failures if none was seen
        return (1 - most, 1.0) if point == 1 else (0.0, most)
    if not half > 0 or not 0 < point < 1:
        return _plain(point, half)
    middle, wide = logit(point), half / (point * (1 - point))
    return float(expit(middle - wide)), float(expit(middle + wide))


def _loss(point: float, half: float) -> tuple[float, float]:
    if not half > 0 or not point > 0:
        return _plain(point, half)
    return float(point * np.exp(-half / point)), float(point * np.exp(half / point))


def _plain(point: float, half: float) -> tuple[float, float]:
    """Of one row or block no scatter is known: it has the value alone, and an effective n of 1."""
    return (point - half, point + half) if half > 0 else (point, point)
