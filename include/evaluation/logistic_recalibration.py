"""Calibration intercept and slope: the log-odds of the label as a line over the log-odds that were answered.

The intercept is that of a line with slope 1: how much too low the answers are as a whole, in log-odds (calibration in
the large). A slope below 1 says that the answers are too sure, above 1 that they are not sure enough. Sources: Cox,
"Two Further Applications of a Model for Binary Regression", Biometrika 45, 1958; Van Calster et al., "Calibration: the
Achilles heel of predictive analytics", BMC Medicine 17, 2019. Errors are those of blocks that are drawn as a whole
(sandwich estimator: Liang and Zeger, Biometrika 73, 1986).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, stdtrit

from include.contracts.evaluation import Interval
from include.evaluation.blocks import Blocks
from include.evaluation.metrics import CLIP
from include.evaluation.power import effective_rows


class Line(NamedTuple):
    """The intercept at slope 1, and the slope; perfect are 0 and 1."""

    intercept: Interval
    slope: Interval


def unfit(y: np.ndarray, p: np.ndarray) -> str:
    """Why no line can be fitted to bool labels and answers (n,); '' where one can."""
    if p.min() == p.max():
        return f"all {len(p)} answers are {p[0]:.4g}"
    late, other = p[y], p[~y]
    if not len(late) or not len(other):
        return f"all {len(p)} labels are {int(y[0])}"
    apart = late.min() >= other.max() or late.max() <= other.min()
    return f"the answers to {len(p)} rows separate the classes" if apart else ""


def line(y: np.ndarray, p: np.ndarray, blocks: Blocks, confidence: float) -> Line:
    """That of bool labels (n,) and answers (n,), for which ``unfit`` has no reason."""
    odds = logit(np.clip(p.astype(np.float64), CLIP, 1 - CLIP))
    one = np.ones((len(y), 1))
    tail = (1 - confidence) / 2
    intercept = _fitted(one, odds, y, blocks, tail)
    slope = _fitted(np.hstack([odds[:, None], one]), np.zeros(len(y)), y, blocks, tail)
    return Line(intercept, slope)


def _fitted(design: np.ndarray, offset: np.ndarray, y: np.ndarray, blocks: Blocks, tail: float) -> Interval:
    """The first coefficient of a logistic regression with this ``design`` (n, k) and ``offset`` (n,)."""
    from scipy.optimize import minimize

    def loss(weights: np.ndarray) -> float:
        at = design @ weights + offset
        return float(np.mean(np.logaddexp(0, at) - y * at))

    def slope(weights: np.ndarray) -> np.ndarray:
        return design.T @ (expit(design @ weights + offset) - y) / len(y)

    def curvature(weights: np.ndarray) -> np.ndarray:
        told = expit(design @ weights + offset)
        return (design * (told * (1 - told))[:, None]).T @ design / len(y)

    weights = minimize(loss, np.zeros(design.shape[1]), method="trust-exact", jac=slope, hess=curvature).x
    bread = np.linalg.inv(curvature(weights))[0] / len(y)
    moved = (design * (y - expit(design @ weights + offset))[:, None]) @ bread  # by each row, of the first coefficient
    by_rows, by_blocks = _variance(moved, np.arange(len(y)), len(y)), _variance(moved, blocks.codes, blocks.count)
    half = float(np.sqrt(by_blocks) * -stdtrit(max(1, blocks.count - 1), tail))
    worth = effective_rows(len(y), by_rows, by_blocks)
    return Interval(value=weights[0], low=weights[0] - half, high=weights[0] + half, n=len(y), effective_n=worth)


def _variance(moved: np.ndarray, codes: np.ndarray, count: int) -> float:
    of_blocks = np.bincount(codes, weights=moved, minlength=count)
    return float(np.square(of_blocks).sum() * count / max(1, count - 1))
