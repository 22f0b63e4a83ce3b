"""How many: a score is the expected number. This file and one entry in ``TASKS`` are a whole family."""

import numpy as np
import pandas as pd

from include.families.protocol import LabelFigures
from include.families.regression import Regression
from include.specification.usecase import UseCase


class Counting(Regression):
    """Labels are whole numbers from 0 on; so are predictions."""

    name = "counting"
    code_type, label_type = "int32", int
    unit = "events"
    summary_title = "none of {label}"

    def label_codes(self, spec: UseCase, labels: pd.Series) -> pd.Series:
        if (labels < 0).any():
            raise ValueError(f"{int((labels < 0).sum())} labels are below 0")
        return super().label_codes(spec, labels)

    def predicted(self, scores: np.ndarray) -> np.ndarray:
        return np.rint(scores)

    def label_figures(self, spec: UseCase, y: np.ndarray) -> LabelFigures:
        return [("label_mean", y.mean(), ""), ("label_none", (y == 0).mean(), "")]

    def summary(self, spec: UseCase, y: np.ndarray) -> str:
        return f"{(y == 0).mean():.1%}"


FAMILY = Counting()
