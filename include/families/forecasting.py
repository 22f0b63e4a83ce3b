"""A number of the future: a regression whose rows are points of series."""

import numpy as np
import pandas as pd

from include.families.protocol import Picture
from include.families.regression import Regression
from include.specification.usecase import UseCase

STRETCH = 240  # rows of one series that are drawn


class Forecasting(Regression):
    """Labels are finite numbers; the card also has the end of one series."""

    name = "forecasting"

    def pictures(self, spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> dict[str, Picture]:
        rows, name = _one_series(spec, frame)
        times = frame[spec.event.time].to_numpy()[rows]
        caption = f"The newest {len(rows)} rows of the test part{name}: forecast and actual values."
        series = Picture("stretch_of_series", (times, y[rows], scores[rows], str(spec.event.label)), caption)
        return {**super().pictures(spec, frame, y, scores), "series": series}


def _one_series(spec: UseCase, frame: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Rows of the entity that has most of them, in order of time; its name unless it is personal."""
    keys = [entity.key for entity in spec.entities.values() if entity.key in frame.columns]
    chosen, name = np.arange(len(frame)), ""
    if keys:
        value = frame[keys[0]].value_counts().index[0]
        chosen = np.flatnonzero(frame[keys[0]] == value)
        treated = spec.privacy.columns.get(keys[0])
        name = "" if treated is not None and treated.level == "personal" else f", {keys[0]} {value}"
    order = np.argsort(frame[spec.event.time].to_numpy()[chosen], kind="stable")
    return chosen[order][-STRETCH:], name


FAMILY = Forecasting()
