"""What makes probabilities of a model's scores: curves of plain numbers, the same in Python and in the ONNX graph."""

from typing import Literal

import numpy as np

from include.contracts.record import Record

Method = Literal["none", "sigmoid", "isotonic"]


class Curve(Record):
    """Points from score 0 to 1, both columns strictly increasing: between two of them the answer is linear.

    So no two rows change places: what ranks rows is as good as before.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def at(self, scores: np.ndarray) -> np.ndarray:
        return np.interp(scores, self.scores, self.probabilities)


class Calibrator(Record):
    """One curve for the class 1 of two, or one for each of K classes, whose answers then add up to one.

    ``why`` says in words what decided the method.
    """

    method: Method = "none"
    curves: tuple[Curve, ...] = ()
    why: str = ""

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Scores (rows,) or (rows, K) as probabilities of the same shape; without curves the scores themselves."""
        if not self.curves:
            return scores
        if scores.ndim == 1:
            return self.curves[0].at(scores)
        each = np.stack([curve.at(column) for curve, column in zip(self.curves, scores.T, strict=True)], axis=1)
        return each / each.sum(axis=1, keepdims=True)

    def describe(self) -> str:
        return f"calibration {self.method}: {self.why}" if self.why else f"calibration {self.method}"


UNCALIBRATED = Calibrator()
