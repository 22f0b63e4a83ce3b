"""Which features move the prediction, by how much: SHAP values of the model itself."""

from typing import Any

import numpy as np
import pandas as pd

from include.development.trainers.trained_model import TrainedModel

# SHAP values cost as much as the fit at 2,000 rows; a mean over 500 is good enough for a ranking.
SAMPLE_ROWS = 500


def importance(model: TrainedModel, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean absolute SHAP value per feature in log-odds, largest first, and its share of the sum.

    At most ``SAMPLE_ROWS`` rows, evenly spaced in the order of ``frame``.
    Source: Lundberg et al. 2020, From local explanations to global understanding with explainable AI for trees.
    """
    step = max(1, -(-len(frame) // SAMPLE_ROWS))
    encoded = model.encoder.transform(frame.iloc[::step])
    moved = model.fitted.contributions(encoded)  # type: ignore[attr-defined]
    mean = np.abs(moved[:, :-1]).mean(axis=0, dtype=np.float64)
    total = mean.sum() or 1.0
    table = [
        {"feature": name, "importance": float(value), "share": float(value / total)}
        for name, value in zip(model.encoder.names, mean, strict=True)
    ]
    return sorted(table, key=lambda row: (-row["importance"], row["feature"]))
