"""Use case, release and period of figures, and the rows that they describe."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.contracts.evaluation import Interval
from include.contracts.operations import Figure
from include.contracts.period import Period
from include.specification.usecase import UseCase

SCORES = {
    "binary": "probability",
    "multiclass": "scores",
    "regression": "prediction",
    "forecasting": "prediction",
    "clustering": "scores",
}
"""Task → the column of the prediction log that holds a model's scores."""


@dataclass(frozen=True)
class Scope:
    """One release of a use case in one month."""

    spec: UseCase
    release: str
    period: Period

    def figure(self, name: str, value: float, subject: str = "", n: int = 0) -> Figure:
        return Figure(
            usecase=self.spec.name, release=self.release, period=self.period, name=name, subject=subject,
            value=float(value), n=n,
        )  # fmt: skip

    def interval(self, name: str, figure: Interval) -> Figure:
        bounds = {"low": figure.low, "high": figure.high, "n": figure.n}
        return self.figure(name, figure.value).model_copy(update=bounds)


def logged_scores(spec: UseCase, rows: pd.DataFrame) -> np.ndarray:
    """What the release answered, as in ``include.evaluation.answers``: (n,), or (n, K) for classes and clusters."""
    logged = rows[SCORES[spec.task]]
    if SCORES[spec.task] != "scores":
        return logged.to_numpy(dtype=float)
    return np.stack([np.asarray(one, dtype=float) for one in logged])
