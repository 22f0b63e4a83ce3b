"""One of three or more named classes: a score is the probability of each."""

from typing import Any

import numpy as np
import pandas as pd

from include.contracts.encoding import category
from include.families.classes import CONFUSION, Classes
from include.families.labels import exactly, numbers
from include.families.protocol import LabelFigures, Picture
from include.specification.usecase import UseCase

TOP = 3  # classes of an answer that are worth telling


class Multiclass(Classes):
    """Labels are ``event.classes``; their codes are the places in it."""

    name = "multiclass"
    code_type, truth_type, label_type = "int16", "int64", str
    every_class = ("roc_auc_ovr",)
    associations = ("lambda", "lambda")
    summary_title = "largest class"

    def label_codes(self, spec: UseCase, labels: pd.Series) -> pd.Series:
        codes = {name: code for code, name in enumerate(spec.event.classes)}
        coded = labels.astype(object).map(lambda value: codes.get(str(category(value))), na_action="ignore")
        return exactly(spec, labels, numbers(coded), self.code_type, f"one of event.classes {spec.event.classes}")

    def checked_codes(self, spec: UseCase, codes: pd.Series) -> pd.Series:
        values, classes = numbers(codes), spec.event.classes
        known = np.where(np.isin(values, np.arange(len(classes))), values, np.nan)
        return exactly(spec, codes, known, self.code_type, f"the code of one of event.classes {classes}")

    def prior(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.bincount(y, minlength=classes) / len(y)

    def label_figures(self, spec: UseCase, y: np.ndarray) -> LabelFigures:
        return [("label_share", n / len(y), name) for name, n in self.class_rows(spec, y).items()]

    def answer(self, spec: UseCase, scores: np.ndarray) -> str:
        best = np.argsort(-scores, kind="stable")[:TOP]
        return ", ".join(f"{spec.event.classes[k]} ({scores[k]:.0%})" for k in best)

    def outcome(self, spec: UseCase, truth: Any, scores: Any) -> str:
        return f"for {spec.event.classes[int(np.argmax(scores))]}; it was {spec.event.classes[int(truth)]}"

    def summary(self, spec: UseCase, y: np.ndarray) -> str:
        largest = int(np.bincount(y).argmax())
        return f"{spec.event.classes[largest]} ({(y == largest).mean():.1%})"

    def pictures(self, spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> dict[str, Picture]:
        predictions = self.predicted(scores)
        caption = "Predicted probability of the chosen class against the share of correct rows."
        return {
            "confusion": Picture("confusion", (y, predictions, spec.event.classes), CONFUSION),
            "calibration": Picture("calibration", (predictions == y, scores.max(axis=1)), caption),
        }


FAMILY = Multiclass()
