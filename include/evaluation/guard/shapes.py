"""The shape of the columns of a period: shares, steps and repetitions, which no season changes much."""

import numpy as np
import pandas as pd

DRAWN = 200
"""Rows of which the number of different values is expected: the same of each period, however many rows it has."""
NEAR = 1e-6
Shape = dict[str, float]


def number_shape(values: np.ndarray) -> Shape:
    """Of numbers (n,) in order of time, NaN where missing."""
    known = values[~np.isnan(values)]
    shape = {"missing": 1 - len(known) / max(len(values), 1)}
    if not len(known):
        return shape
    distinct, places, counts = np.unique(known, return_inverse=True, return_counts=True)
    share = counts / len(known)
    steps = {"whole": 1.0, "tens": 10.0, "tenths": 0.1}
    return (
        shape
        | _repetition(places, counts)
        | {name: float(share[_multiples(distinct, step)].sum()) for name, step in steps.items()}
        | {"zero": float(share[distinct == 0].sum()), "smooth": _smooth(places)}
        | {"low": float(distinct[0]), "high": float(distinct[-1])}
        | dict(zip(("first", "middle", "last"), np.quantile(known, [0.01, 0.5, 0.99]).tolist(), strict=True))
    )


def category_shape(codes: np.ndarray, levels: int) -> Shape:
    """Of codes (n,) in order of time, -1 where missing."""
    known = codes[codes >= 0]
    shape = {"missing": 1 - len(known) / max(len(codes), 1)}
    return shape | _repetition(known, np.bincount(known, minlength=levels)) if len(known) else shape


def row_shape(features: pd.DataFrame, local: pd.Series) -> Shape:
    """How often equal rows come, and how evenly rows come by day."""
    if features.empty:
        return {}
    hashes = pd.util.hash_pandas_object(features, index=False)
    a_day = local.dt.date.value_counts().to_numpy()
    return {
        "twice": 1 - hashes.nunique() / len(hashes),
        "uneven": float(np.log(a_day.max() / np.median(a_day))),
        "a_day": float(np.log(np.median(a_day))),
    }


def _repetition(places: np.ndarray, counts: np.ndarray) -> Shape:
    repeat = float((np.diff(places) == 0).mean()) if len(places) > 1 else 1.0
    return {"top": float(counts.max() / counts.sum()), "repeat": repeat, "distinct": _distinct(counts)}


def _multiples(values: np.ndarray, step: float) -> np.ndarray:
    return np.abs(values / step - np.round(values / step)) < NEAR


def _distinct(counts: np.ndarray) -> float:
    """Logarithm of how many different values ``DRAWN`` rows are expected to have (rarefaction, with replacement)."""
    return float(np.log((1 - (1 - counts / counts.sum()) ** DRAWN).sum()))


def _smooth(places: np.ndarray) -> float:
    """Correlation of the rank of each value with that of the next in time; 1 of a column that does not vary."""
    before, after = places[:-1].astype(float), places[1:].astype(float)
    if len(before) < 2 or np.ptp(before) == 0 or np.ptp(after) == 0:
        return 1.0
    return float(np.corrcoef(before, after)[0, 1])
