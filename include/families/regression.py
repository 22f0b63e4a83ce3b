"""A number: a score is its predicted value."""

import numpy as np
import pandas as pd

from include.families.protocol import Family, Picture
from include.specification.usecase import UseCase


class Regression(Family):
    """Labels are finite numbers."""

    name = "regression"

    def pictures(self, spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> dict[str, Picture]:
        by_day = (frame[spec.event.time].to_numpy(), y - scores)
        return {
            "predicted": Picture(
                "predicted_and_actual", (y, scores), "Actual against predicted values; dotted: equal."
            ),
            "residuals": Picture("residuals_by_time", by_day, "Actual minus predicted value, by day."),
        }


FAMILY = Regression()
