"""Yes or no: a score is the probability of class 1."""

import numpy as np
import pandas as pd

from include.families.classes import CONFUSION, Classes
from include.families.labels import exactly, truth_values
from include.families.protocol import LabelFigures, Picture
from include.specification.task import TASKS
from include.specification.usecase import UseCase


class Binary(Classes):
    """Labels are 0 and 1."""

    name = "binary"
    code_type, truth_type, label_type = "int8", "bool", int
    every_class = TASKS["binary"].metrics
    associations = ("lambda", "AUC")
    summary_title = "{label} = 1"

    def checked_codes(self, spec: UseCase, codes: pd.Series) -> pd.Series:
        return exactly(spec, codes, truth_values(codes), self.code_type, "0 or 1, or false or true")

    def label_figures(self, spec: UseCase, y: np.ndarray) -> LabelFigures:
        return [("label_rate", y.mean(), "")]

    def answer(self, spec: UseCase, scores: np.ndarray) -> str:
        return f"{float(scores):.0%} for 1"

    def summary(self, spec: UseCase, y: np.ndarray) -> str:
        return f"{y.mean():.1%}"

    def pictures(self, spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> dict[str, Picture]:
        names = [f"not {spec.event.label}", str(spec.event.label)]
        caption = (
            "Observed share by predicted probability, with 95 % intervals; right: distribution of the predictions."
        )
        pictures = {
            "confusion": Picture("confusion", (y, self.predicted(scores), names), CONFUSION),
            "calibration": Picture("calibration", (y, scores), caption),
        }
        if 0 < y.mean() < 1:
            caption = "ROC and precision-recall curve; dotted: a random model."
            pictures["roc"] = Picture("roc_and_precision", (y, scores), caption)
        return pictures


FAMILY = Binary()
