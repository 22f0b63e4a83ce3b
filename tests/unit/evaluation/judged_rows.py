"""Truth and the scores of a fair model, by task."""

from collections.abc import Callable

import numpy as np
from sklearn import metrics as sk

from include.specification.task import TASKS


def metrics_of(task: str) -> tuple[str, ...]:
    return TASKS[task].metrics


def judged(task: str, n: int, seed: int = 0, digits: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores of ``n`` rows; few ``digits`` make ties."""
    random = np.random.default_rng(seed)
    if task == "binary":
        y = random.random(n) < 0.4
        return y, np.round(1 / (1 + np.exp(-(2 * y + random.normal(size=n) - 1))), digits)
    if task == "multiclass":
        codes = random.integers(0, 3, n)
        odds = np.exp(2 * np.eye(3)[codes] + random.normal(size=(n, 3)))
        return codes, np.round(odds / odds.sum(axis=1, keepdims=True), digits)
    if task == "clustering":
        codes = random.integers(0, 3, n)
        space = np.array([[0, 0], [6, 0], [0, 6]])[codes] + random.normal(size=(n, 2))
        return space, np.eye(3)[codes]
    y = np.round(random.normal(size=n), digits)
    return y, np.round(y + random.normal(size=n), digits)


def answer(p: np.ndarray) -> np.ndarray:
    return p.argmax(axis=1) if p.ndim == 2 else p >= 0.5


SKLEARN: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "brier": lambda y, p: np.mean((p - y) ** 2 if p.ndim == 1 else ((p - np.eye(3)[y]) ** 2).sum(axis=1)),
    "log_loss": lambda y, p: sk.log_loss(y, clipped(p), labels=np.arange(p.shape[1] if p.ndim == 2 else 2)),
    "accuracy": lambda y, p: sk.accuracy_score(y, answer(p)),
    "f1_macro": lambda y, p: sk.f1_score(y, answer(p), average="macro", zero_division=0.0),
    "roc_auc_ovr": lambda y, p: sk.roc_auc_score(y, p / p.sum(axis=1, keepdims=True), multi_class="ovr"),
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
    "median_absolute_error": sk.median_absolute_error,
}


def clipped(p: np.ndarray) -> np.ndarray:
    """Shares that add up to 1, neither 0 nor 1: scikit-learn clips at another place."""
    edge = float(np.finfo(np.float32).eps)
    inside = np.clip(p if p.ndim == 1 else p / p.sum(axis=1, keepdims=True), edge, 1 - edge)
    return inside if p.ndim == 1 else inside / inside.sum(axis=1, keepdims=True)
