"""The meaning of scores, by task: labels to compare with, predictions, main number.

Scores are (n,) for binary (probability of the positive class), regression and forecasting (the value), and (n, K) for
multiclass (probabilities) and clustering (nearness; the largest is the cluster).
"""

import numpy as np
import pandas as pd

from include.specification.usecase import UseCase

THRESHOLD = 0.5
CLASSIFYING = ("binary", "multiclass")


def truth(spec: UseCase, frame: pd.DataFrame) -> np.ndarray:
    """Labels of the rows: bool, class codes, or numbers, of shape (n,); for clustering the space (n, d) itself.

    That space are the numeric features, centred on their median and scaled by their interquartile range in these
    rows (no spread: left as it is), a missing value in the middle: models that scale differently are judged in one.
    """
    if spec.task == "clustering":
        return _space(frame[[f.name for f in spec.features if f.kind == "numeric"]])
    label = frame[spec.event.label]
    if spec.task == "binary":
        return label.to_numpy(dtype=bool)
    return label.to_numpy(dtype=np.int64 if spec.task == "multiclass" else np.float64)


def _space(numbers: pd.DataFrame) -> np.ndarray:
    X = numbers.to_numpy(dtype=np.float64)
    low, middle, high = np.nanquantile(X, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, high - low, 1.0)
    return np.nan_to_num((X - middle) / spread)


def predicted(task: str, scores: np.ndarray) -> np.ndarray:
    """Class code, cluster or value, of shape (n,)."""
    if task == "binary":
        return (scores >= THRESHOLD).astype(np.int64)
    return scores.argmax(axis=1) if scores.ndim == 2 else scores


def headline(scores: np.ndarray) -> np.ndarray:
    """One number per row: the probability or value itself, or the largest of K scores."""
    return scores.max(axis=1) if scores.ndim == 2 else scores


def label_codes(spec: UseCase, labels: pd.Series) -> pd.Series:
    """Labels as a dataset keeps them: 0/1 and class codes as small integers, numbers as float64.

    Raises
    ------
    ValueError
        a label is none of ``event.classes``.
    """
    if spec.task == "binary":
        return labels.astype("int8")
    if spec.task != "multiclass":
        return labels.astype("float64")
    codes = {name: code for code, name in enumerate(spec.event.classes)}
    found = labels.map(lambda value: codes.get(_name(value)))
    if found.isna().any():
        raise ValueError(f"{int(found.isna().sum())} labels are none of event.classes {spec.event.classes}")
    return found.astype("int16")


def _name(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
