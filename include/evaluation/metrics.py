"""Metrics of binary probabilities: one definition, its direction and when it is undefined."""

from collections.abc import Callable
from typing import Any

import numpy as np

from include.errors import EvaluationError

DIRECTION = {"roc_auc": 1, "average_precision": 1, "brier": -1, "log_loss": -1}
CLIP = float(np.finfo(np.float32).eps)  # log_loss of a sure and wrong answer stays finite


def _reference(metric: str) -> Callable[..., float]:
    from sklearn import metrics as sk

    functions: dict[str, Callable[..., float]] = {
        "roc_auc": sk.roc_auc_score,
        "average_precision": sk.average_precision_score,
        "brier": sk.brier_score_loss,
        "log_loss": lambda y, p: sk.log_loss(y, np.clip(p, CLIP, 1 - CLIP), labels=[0, 1]),
    }
    return functions[metric]


def direction(metric: str) -> int:
    """+1 when more is better, -1 when less is better.

    Raises
    ------
    EvaluationError
        the metric is not known.
    """
    if metric not in DIRECTION:
        raise EvaluationError(f"unknown metric {metric!r}; known: {', '.join(DIRECTION)}")
    return DIRECTION[metric]


def checked(y: Any, p: Any, who: str = "the model") -> tuple[np.ndarray, np.ndarray]:
    """Labels as bool (n,) and probabilities as float64 (n,), or an EvaluationError that names ``who``."""
    labels, probabilities = np.asarray(y), np.asarray(p, dtype=np.float64)
    if probabilities.shape != (len(labels),) or labels.ndim != 1 or not len(labels):
        raise EvaluationError(
            f"{who}: {probabilities.shape} probabilities for {labels.shape} labels; give one each, and at least one"
        )
    if strange := set(np.unique(labels).tolist()) - {0, 1}:
        raise EvaluationError(f"{who}: labels must be 0 or 1, got {len(strange)} other values")
    wrong = ~((probabilities >= 0) & (probabilities <= 1))
    if wrong.any():
        raise EvaluationError(
            f"{who}: {int(wrong.sum())} of {len(wrong)} probabilities are not in [0, 1], "
            f"the first is {probabilities[wrong][0]} at row {int(np.argmax(wrong))}"
        )
    return labels.astype(bool), probabilities


def score(metric: str, y: Any, p: Any) -> float:
    """The metric of probabilities ``p`` (n,) of the positive class against labels ``y`` (n,) in {0, 1}.

    Raises
    ------
    EvaluationError
        unknown metric, unusable input, or a ranking metric on a single class (it is undefined there).
    """
    direction(metric)
    labels, probabilities = checked(y, p)
    if metric in ("roc_auc", "average_precision") and labels.all() == labels.any():
        raise EvaluationError(f"{metric} is undefined: all {len(labels)} labels are {int(labels[0])}")
    return float(_reference(metric)(labels, probabilities))


def calibration_error(y: Any, p: Any, bins: int = 10) -> float:
    """Expected calibration error over equally filled bins, in probability units (0 is perfect).

    Mean over the bins of |share of positives - mean probability|, weighted by rows. Equal probabilities
    always share a bin. Source: Naeini, Cooper, Hauskrecht, AAAI 2015; equally filled bins: Nixon et al.,
    "Measuring Calibration in Deep Learning", CVPR workshops 2019.
    """
    labels, probabilities = checked(y, p)
    edges = np.unique(np.quantile(probabilities, np.linspace(0, 1, bins + 1)[1:-1]))
    bin_of = np.searchsorted(edges, probabilities, side="right")
    gaps = np.bincount(bin_of, weights=labels - probabilities, minlength=len(edges) + 1)
    return float(np.abs(gaps).sum() / len(labels))
