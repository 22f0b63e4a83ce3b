"""What a trainer and the model it fits must do; X is float32 of shape (rows, features), NaN for missing."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

Parameters = Mapping[str, int | float | str]


class Matrix(NamedTuple):
    """Encoded rows and their labels (0 or 1)."""

    X: np.ndarray
    y: np.ndarray


class Fitted(Protocol):
    """A fitted binary classifier."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Probability of the positive class, float64 of shape (rows,)."""

    def save(self) -> bytes:
        """The same model always gives the same bytes."""

    def onnx(self) -> bytes:
        """ONNX with input ``input`` float32 (rows, features), outputs ``label`` and ``probabilities`` (rows, 2)."""

    def contributions(self, X: np.ndarray) -> np.ndarray:
        """Additive contributions to the log-odds, shape (rows, features + 1); the last column is the bias."""

    def describe(self) -> dict[str, Any]:
        """What it is and how big, for the model card."""


class Trainer(Protocol):
    """One learning algorithm."""

    name: str
    defaults: Parameters

    def fit(self, train: Matrix, validation: Matrix, parameters: Parameters, threads: int) -> Fitted:
        """Fit, stopping early on ``validation``. Raises TrainingError when the parameters or the fit are unusable."""

    def load(self, content: bytes) -> Fitted:
        """Inverse of ``Fitted.save``. Raises TrainingError when the bytes are no such model."""

    def suggest(self, trial: Any) -> dict[str, int | float | str]:
        """Parameters to try next, asked from an Optuna trial."""


def merged(trainer: Trainer, *layers: Parameters) -> dict[str, int | float | str]:
    """The trainer's defaults overlaid by ``layers`` in turn."""
    together = dict(trainer.defaults)
    for layer in layers:
        together |= layer
    return together
