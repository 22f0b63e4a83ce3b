"""The predictor that any model must beat: everybody gets the share of positives in the training part."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PriorBaseline:
    """Predicts ``prior`` for every row."""

    prior: float

    @classmethod
    def fit(cls, y: np.ndarray) -> "PriorBaseline":
        return cls(float(np.mean(y)))

    def predict(self, rows: int) -> np.ndarray:
        """Float64 of shape (rows,)."""
        return np.full(rows, self.prior)
