"""SHAP values of any scoring function, by permutations of features (Lundberg and Lee, NeurIPS 2017)."""

from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np


def permuted(
    scores: Callable[[np.ndarray], np.ndarray], X: np.ndarray, background: np.ndarray, players: Sequence[Sequence[int]]
) -> np.ndarray:
    """SHAP values (rows, players, K) of the rows of ``X`` against the rows of ``background``; K is 1 for one score.

    A player is a group of columns that are replaced together. One permutation of the players per row, forwards and
    backwards: ``scores`` is asked for ``(2 players + 1) x len(background)`` rows per row of ``X``. The same arguments
    give the same values.
    """
    explainer = _shap().PermutationExplainer(scores, _Replaced(background, players), seed=0)
    values = explainer(X, max_evals=2 * len(players) + 1, silent=True).values
    return np.asarray(values, dtype=np.float64).reshape(len(X), len(players), -1)


def _shap() -> ModuleType:
    """The library, without its compiler: each process would compile its loops anew, in more time than they take."""
    import numba

    compiles, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
    try:
        import shap
    finally:
        numba.config.DISABLE_JIT = compiles
    return shap


class _Replaced:
    """What shap calls a masker: the row where the mask says so, the background rows elsewhere."""

    def __init__(self, background: np.ndarray, players: Sequence[Sequence[int]]) -> None:
        self._background, self._players = background, [list(columns) for columns in players]

    def shape(self, row: np.ndarray) -> tuple[int, int]:
        return len(self._background), len(self._players)

    def mask_shapes(self, row: np.ndarray) -> list[tuple[int]]:
        return [(len(self._players),)]

    def __call__(self, mask: np.ndarray, row: np.ndarray) -> tuple[np.ndarray]:
        rows = self._background.copy()
        kept = [column for on, columns in zip(mask, self._players, strict=True) if on for column in columns]
        rows[:, kept] = row[kept]
        return (rows,)
