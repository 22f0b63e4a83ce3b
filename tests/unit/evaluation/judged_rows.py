"""Truth and the scores of a fair model, by task."""

import numpy as np

from include.spec.learning import TASK_METRICS


def metrics_of(task: str) -> tuple[str, ...]:
    return TASK_METRICS[task]


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
