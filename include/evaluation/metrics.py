"""Metrics by name: one definition, its direction, which answers it takes and when it is undefined.

``y`` and the scores ``p`` are as in ``include.families.protocol``: labels and (n,) or (n, K) scores, for
clustering the space (n, d) and (n, K) scores.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from include.errors import EvaluationError, UndefinedMetricError
from include.specification.task import THRESHOLD, Predicts

DIRECTION = {
    "roc_auc": 1, "average_precision": 1, "brier": -1, "log_loss": -1, "accuracy": 1, "f1_macro": 1, "roc_auc_ovr": 1,
    "mae": -1, "rmse": -1, "r2": 1, "median_absolute_error": -1, "silhouette": 1,
}  # fmt: skip
KINDS: dict[str, Predicts] = {
    **dict.fromkeys(["mae", "rmse", "r2", "median_absolute_error"], "value"),
    "silhouette": "cluster",
}
RANKING = ("roc_auc", "average_precision", "roc_auc_ovr")  # undefined where a class lacks
EXPLAINING = ("r2",)  # undefined where all labels are one number
PROPER = ("log_loss", "brier")  # least where each probability is that of the truth
CLIP = float(np.finfo(np.float32).eps)  # log_loss of a sure and wrong answer stays finite


def kind_of(metric: str) -> Predicts:
    """Which answers the metric takes; raises EvaluationError when it is not known."""
    direction(metric)
    return KINDS.get(metric, "class")


def direction(metric: str) -> int:
    """+1 when more is better, -1 when less is better; raises EvaluationError when it is not known."""
    if metric not in DIRECTION:
        raise EvaluationError(f"unknown metric {metric!r}; known: {', '.join(DIRECTION)}")
    return DIRECTION[metric]


def checked(y: Any, p: Any, who: str = "the model", kind: Predicts = "class") -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores as arrays that metrics can use, or an EvaluationError that names ``who``.

    Binary labels become bool (n,), class codes int64 (n,), numbers float64 (n,), a space float64 (n, d).
    """
    labels, scores = np.asarray(y), np.asarray(p, dtype=np.float64)
    if scores.shape[:1] != labels.shape[:1] or scores.ndim not in (1, 2) or not len(labels):
        raise EvaluationError(
            f"{who}: {scores.shape} scores for {labels.shape} labels; give one answer each, and at least one"
        )
    if not np.isfinite(scores).all():
        raise EvaluationError(f"{who}: {int((~np.isfinite(scores)).sum())} of {scores.size} scores are not numbers")
    if kind == "value":
        return _numbers(labels, scores, who)
    if kind == "cluster":
        return _clusters(labels, scores, who)
    _require_probabilities(scores, who)
    return _classes(labels, scores, who), scores


def _numbers(labels: np.ndarray, values: np.ndarray, who: str) -> tuple[np.ndarray, np.ndarray]:
    truth = labels.astype(np.float64)
    if values.ndim != 1 or truth.ndim != 1 or not np.isfinite(truth).all():
        raise EvaluationError(f"{who}: needs one finite label and one value per row; got {truth.shape}, {values.shape}")
    return truth, values


def _clusters(space: np.ndarray, scores: np.ndarray, who: str) -> tuple[np.ndarray, np.ndarray]:
    if space.ndim != 2 or scores.ndim != 2:
        raise EvaluationError(f"{who}: clusters are judged in a space (n, d) by scores (n, K); got {scores.shape}")
    return space.astype(np.float64), scores


def _classes(labels: np.ndarray, scores: np.ndarray, who: str) -> np.ndarray:
    if scores.ndim == 1 and labels.dtype == bool:
        return labels
    allowed = {0, 1} if scores.ndim == 1 else set(range(scores.shape[1]))
    if strange := set(np.unique(labels).tolist()) - allowed:
        raise EvaluationError(f"{who}: labels must be 0 … {max(allowed)}, got {len(strange)} other values")
    return labels.astype(bool) if scores.ndim == 1 else labels.astype(np.int64)


def _require_probabilities(scores: np.ndarray, who: str) -> None:
    wrong = ~((scores >= 0) & (scores <= 1))
    if wrong.any():
        first = np.argwhere(wrong)[0]
        raise EvaluationError(
            f"{who}: {int(wrong.sum())} of {wrong.size} probabilities are not in [0, 1], "
            f"the first is {scores[tuple(first)]} at row {int(first[0])}"
        )


def score(metric: str, y: Any, p: Any, who: str = "the model") -> float:
    """The metric of the scores ``p`` against the truth ``y``.

    Raises
    ------
    UndefinedMetricError
        the metric is undefined: ranking on a single class, R² without variance, silhouette of a single cluster.
    EvaluationError
        unknown metric or unusable input.
    """
    truth, scores = checked(y, p, who, kind_of(metric))
    require_defined(metric, truth, scores, who)
    return FUNCTIONS[metric](truth, scores)


def require_defined(metric: str, truth: np.ndarray, scores: np.ndarray, who: str = "the model") -> None:
    """Raises UndefinedMetricError when the metric has no value on these rows."""
    if reason := undefined(metric, truth, scores):
        raise UndefinedMetricError(f"{metric} of {who} is undefined: all {len(truth)} {reason}")


def undefined(metric: str, truth: np.ndarray, scores: np.ndarray) -> str:
    """What all of these rows have in common, so that the metric has no value; '' when it has one."""
    if metric in RANKING:
        present = np.flatnonzero(np.bincount(truth))
        if len(present) < (scores.shape[1] if scores.ndim == 2 else 2):
            return f"labels are {', '.join(map(str, present))}"
    if metric in EXPLAINING and truth.min() == truth.max():
        return f"labels are {truth[0]}"
    if metric == "silhouette" and len(np.unique(scores.argmax(axis=1))) < 2:
        return "rows are in one cluster"
    return ""


def roc_area(y: np.ndarray, p: np.ndarray) -> float:
    """Area under the ROC curve of bool labels: the Mann-Whitney statistic, ties counted half (Bamber 1975)."""
    positive, negative = np.sort(p[y]), np.sort(p[~y])
    wins = sum(np.searchsorted(negative, positive, side=side).sum() for side in ("left", "right"))
    return float(wins) / 2 / (len(positive) * len(negative))


def _average_precision(y: np.ndarray, p: np.ndarray) -> float:
    """Mean over the positives of the precision at their score; rows of a tie share one threshold."""
    every, positive = np.sort(p), np.sort(p[y])
    hits = len(positive) - np.searchsorted(positive, positive, side="left")
    called = len(every) - np.searchsorted(every, positive, side="left")
    return float(np.mean(hits / called))


def _f1_macro(y: np.ndarray, p: np.ndarray) -> float:
    """Mean F1 of the classes that occur as a label or as an answer."""
    predicted, truth = predicted_class(p), y.astype(np.int64)
    size = max(predicted.max(), truth.max()) + 1
    both = np.bincount(truth, minlength=size) + np.bincount(predicted, minlength=size)
    hits = np.bincount(truth[truth == predicted], minlength=size)
    return float(np.mean(2 * hits[both > 0] / both[both > 0]))


def _roc_area_ovr(y: np.ndarray, p: np.ndarray) -> float:
    shares = p / p.sum(axis=1, keepdims=True)
    return float(np.mean([roc_area(y == k, shares[:, k]) for k in range(p.shape[1])]))


# NumPy, not scikit-learn: its checks cost twenty times the metric; tests hold these equal to scikit-learn's.
FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "roc_auc": roc_area,
    "average_precision": _average_precision,
    "brier": lambda y, p: float(brier_losses(y, p).mean()),
    "log_loss": lambda y, p: float(log_losses(y, p).mean()),
    "accuracy": lambda y, p: float(np.mean(predicted_class(p) == y)),
    "f1_macro": _f1_macro,
    "roc_auc_ovr": _roc_area_ovr,
    "mae": lambda y, p: float(np.abs(p - y).mean()),
    "rmse": lambda y, p: float(np.sqrt(np.square(p - y).mean())),
    "r2": lambda y, p: float(1 - np.square(p - y).mean() / y.var()),
    "median_absolute_error": lambda y, p: float(np.median(np.abs(p - y))),
    "silhouette": lambda space, p: float(silhouettes(space, p.argmax(axis=1)).mean()),
}


def predicted_class(p: np.ndarray) -> np.ndarray:
    """Class codes (n,) by probabilities (n,) or (n, K)."""
    return p.argmax(axis=1) if p.ndim == 2 else (p >= THRESHOLD).astype(np.int64)


def brier_losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(n,) squared distance to the truth; with K classes summed over them (Brier 1950)."""
    return (p - y) ** 2 if p.ndim == 1 else ((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1)


def log_losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(n,) minus the log-probability of the truth, clipped so that a sure and wrong answer stays finite."""
    probability = np.where(y, p, 1 - p) if p.ndim == 1 else p[np.arange(len(y)), y] / p.sum(axis=1)
    return -np.log(np.clip(probability, CLIP, 1 - CLIP))


def silhouettes(space: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Simplified silhouette (n,) of each row: how much nearer its own centre is than the next one, in [-1, 1].

    Source: Hruschka, de Castro, Campello, ICDM 2004; distances to centres instead of all pairs, so it is linear in n.
    """
    present, member = np.unique(cluster, return_inverse=True)
    centres = np.stack([space[member == k].mean(axis=0) for k in range(len(present))])
    squared = (space**2).sum(axis=1)[:, None] - 2 * space @ centres.T + (centres**2).sum(axis=1)
    distance = np.sqrt(np.maximum(squared, 0))
    own = distance[np.arange(len(space)), member]
    distance[np.arange(len(space)), member] = np.inf
    other = distance.min(axis=1)
    largest = np.maximum(own, other)
    return np.divide(other - own, largest, out=np.zeros(len(space)), where=largest > 0)


def row_losses(predicts: Predicts, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """How wrong each answer is (n,): squared distance of probabilities, absolute error, or minus the silhouette."""
    if predicts == "class":
        return brier_losses(y, p)
    return np.abs(y - p) if predicts == "value" else -silhouettes(y, p.argmax(axis=1))


def calibration_error(y: Any, p: Any, bins: int = 10) -> float:
    """Expected calibration error over equally filled bins, in probability units (0 is perfect).

    Mean over the bins of |share of positives - mean probability|, weighted by rows. Equal probabilities
    always share a bin. With K classes: of the class that is said, and its probability. Source: Naeini, Cooper,
    Hauskrecht, AAAI 2015; equally filled bins: Nixon et al., "Measuring Calibration in Deep Learning", CVPR
    workshops 2019.
    """
    hits, probabilities, bin_of = confidence_bins(*checked(y, p), bins)
    gaps = np.bincount(bin_of, weights=hits - probabilities)
    return float(np.abs(gaps).sum() / len(hits))


def confidence_bins(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hits, their probabilities and their equally filled bins, (n,) each; of classes, of the one that is said."""
    if probabilities.ndim == 2:
        labels, probabilities = labels == probabilities.argmax(axis=1), probabilities.max(axis=1)
    edges = np.unique(np.quantile(probabilities, np.linspace(0, 1, bins + 1)[1:-1]))
    return labels, probabilities, np.searchsorted(edges, probabilities, side="right")
