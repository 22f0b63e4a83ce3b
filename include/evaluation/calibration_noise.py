"""The calibration error that answers have by chance alone: also perfectly calibrated ones have one on few rows.

It is simulated from the answers: in each bin as many hits are drawn as its probability says (consistency sampling:
Broecker and Smith, "Increasing the Reliability of Reliability Diagrams", Weather and Forecasting 22, 2007). Hits of one
block come together, so the simulated error grows with the root of their design effect.
"""

from typing import Any

import numpy as np

from include.evaluation.blocks import Blocks
from include.evaluation.metrics import checked, confidence_bins
from include.evaluation.power import design_effect

DRAWS = 2000


def calibration_floor(y: Any, p: Any, blocks: Blocks, chance: float) -> tuple[float, int]:
    """The calibration error that perfectly calibrated answers exceed with the probability ``chance``; effective n.

    Parameters are as of ``calibration_error``; raises EvaluationError as it does.
    """
    labels, probabilities = checked(y, p)
    hits, probabilities, bins = confidence_bins(labels, probabilities)
    rows = np.bincount(bins)
    said = np.bincount(bins, weights=probabilities) / np.maximum(rows, 1)
    drawn = np.random.default_rng(0).binomial(rows, np.clip(said, 0, 1), (DRAWS, len(rows)))
    errors = np.abs(drawn - rows * said).sum(axis=1) / len(hits)
    gaps = hits - probabilities
    effect = design_effect(gaps - (np.bincount(bins, weights=gaps) / np.maximum(rows, 1))[bins], bins, blocks)
    return float(np.quantile(errors, 1 - chance) * np.sqrt(effect)), max(1, round(len(hits) / effect))
