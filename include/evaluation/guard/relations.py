"""How the columns of a period hang together: each column is predicted from the columns of all other features.

The coefficients come from the moments of earlier periods (ridge regression), so that no row is read again.
"""

from collections.abc import Sequence

import numpy as np

from include.contracts.guard import PeriodProfile

RIDGE = 0.02
"""Of a variance of 1: what is predicted better than so is not told apart."""
SMALLEST = 1e-12


class Moments:
    """Mean (k,) and covariance (k, k) of the columns ``names``, which the profile has."""

    def __init__(self, profile: PeriodProfile, names: Sequence[str]) -> None:
        size = len(profile.columns)
        upper = np.zeros((size, size))
        upper[np.triu_indices(size)] = profile.covariance
        own = [profile.columns.index(name) for name in names]
        self.mean = np.array(profile.mean)[own]
        self.covariance = (upper + np.triu(upper, 1).T)[np.ix_(own, own)]


def pooled(parts: Sequence[Moments]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the rows of all periods, each of which counts alike."""
    mean = np.mean([part.mean for part in parts], axis=0)
    between = [np.outer(part.mean - mean, part.mean - mean) for part in parts]
    return mean, np.mean([part.covariance for part in parts], axis=0) + np.mean(between, axis=0)


class Relations:
    """Predicts each column from those of other features; ``groups`` (k,) are the features of the columns."""

    def __init__(self, before: Sequence[Moments], groups: np.ndarray) -> None:
        self.mean, covariance = pooled(before)
        self.scale = np.sqrt(np.maximum(np.diag(covariance), SMALLEST))
        correlation = covariance / np.outer(self.scale, self.scale)
        precision = np.linalg.inv(correlation + RIDGE * np.eye(len(correlation)))
        self._residual = np.zeros_like(precision)  # of the columns of a group: what the other groups do not predict
        for group in np.unique(groups):
            own = groups == group
            self._residual[own] = np.linalg.solve(precision[np.ix_(own, own)], precision[own])
        self._usual = self._spread(correlation)

    def apart(self, now: Moments) -> dict[str, np.ndarray]:
        """Of each column (k,): ``level`` and ``spread``, and how far both are from what the others predict."""
        level, own = (now.mean - self.mean) / self.scale, np.diag(now.covariance) / self.scale**2
        spread = self._spread(now.covariance / np.outer(self.scale, self.scale))
        return {
            "level": level,
            "spread": np.log(own + RIDGE) / 2,
            "shift": self._residual @ level / np.sqrt(np.maximum(self._usual, RIDGE / 4)),
            "residual": np.log((spread + RIDGE / 2) / (self._usual + RIDGE / 2)) / 2,
        }

    def _spread(self, correlation: np.ndarray) -> np.ndarray:
        """Variance of the residuals."""
        return np.maximum(np.einsum("ij,jk,ik->i", self._residual, correlation, self._residual, optimize=True), 0)
