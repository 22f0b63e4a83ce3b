"""What two classes and several have in common."""

from collections.abc import Sequence

import numpy as np

from include.families.protocol import Family

CONFUSION = "Rows of the test part by actual and predicted class."


class Classes(Family):
    """Scores are probabilities of classes."""

    unit, margin_unit = "probability", "log-odds before calibration"

    def uncertainty(self, strategy: str, members: Sequence[np.ndarray]) -> np.ndarray:
        """In [0, 1]; by disagreement it is the committee's mean Kullback-Leibler divergence to its mean."""
        committee = [_probabilities(scores) for scores in members]
        if strategy == "disagreement":
            together = _entropy(np.mean(committee, axis=0))
            return np.clip(together - np.mean([_entropy(p) for p in committee], axis=0), 0, 1)
        return _entropy(committee[0]) if strategy == "entropy" else _narrowness(committee[0])


def _probabilities(scores: np.ndarray) -> np.ndarray:
    """(n, K), rows adding up to one."""
    p = np.stack([1 - scores, scores], axis=1) if scores.ndim == 1 else scores
    return p / p.sum(axis=1, keepdims=True)


def _entropy(p: np.ndarray) -> np.ndarray:
    """(n,) in units of the largest possible, log K."""
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return -(p * logs).sum(axis=1) / np.log(p.shape[1])


def _narrowness(p: np.ndarray) -> np.ndarray:
    """(n,) one minus the margin between the two largest."""
    second, first = np.sort(p, axis=1)[:, -2:].T
    return 1 - (first - second)
