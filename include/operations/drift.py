"""Drift of features and predictions against the baseline that is kept with a release.

Distributions are compared as histograms: population stability index (Siddiqi, "Credit Risk Scorecards", 2006)
and Jensen-Shannon divergence (Lin, IEEE Trans. Information Theory 37, 1991; base 2, so in [0, 1]).
Missing values are a bin of their own; so are values that the baseline never saw.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.contracts import Interval
from include.errors import DataError
from include.evaluation.metrics import calibration_error
from include.usecase import Feature, UseCase

BINS = 10
HALF_ROW = 0.5  # Jeffreys' prior: an empty bin is rare, not impossible
PREDICTION_EDGES = [round(0.05 * i, 2) for i in range(1, 20)]


def baseline(
    spec: UseCase,
    frame: pd.DataFrame,
    probabilities: np.ndarray,
    metrics: Mapping[str, Interval | Mapping[str, Any]],
) -> dict[str, Any]:
    """What a release looked like on its own test set, as JSON.

    Parameters
    ----------
    frame : (n rows) raw feature columns, and the label if it is known
    probabilities : (n,) of the positive class
    metrics : figures of the release on these rows, each an Interval or its JSON

    Raises
    ------
    DataError
        a feature column is missing, or there are no rows.
    """
    _require(spec, frame)
    label = frame.get(spec.event.label)
    known = label is not None and bool(label.notna().all())
    return {
        "usecase": spec.name,
        "rows": len(frame),
        "features": {f.name: _feature(f, frame[f.name]) for f in spec.features},
        "prediction": _histogram(pd.Series(np.asarray(probabilities, dtype=float)), PREDICTION_EDGES),
        "label_rate": float(label.mean()) if known else None,
        "calibration_error": calibration_error(label.to_numpy(), probabilities) if known else None,
        "metrics": {m: v.json_dict() if isinstance(v, Interval) else dict(v) for m, v in metrics.items()},
    }


def _require(spec: UseCase, frame: pd.DataFrame) -> None:
    if missing := [n for n in spec.feature_names if n not in frame]:
        raise DataError(f"features {missing} of {spec.name} are not in the data; it has {[*frame]}")
    if frame.empty:
        raise DataError(f"no rows to describe the features of {spec.name}")


def _feature(feature: Feature, values: pd.Series) -> dict[str, Any]:
    if feature.kind == "categorical":
        counts = values.dropna().astype(str).value_counts()
        counted = {str(k): int(v) for k, v in counts.items()}
        return {"kind": "categorical", "counts": counted, "missing": int(values.isna().sum())}
    return _histogram(values, feature.bins if feature.bins is not None else quantile_edges(values))


def _histogram(values: pd.Series, edges: Sequence[float]) -> dict[str, Any]:
    *counts, missing = (int(c) for c in _numeric_counts(values, edges))
    return {"kind": "numeric", "edges": [float(e) for e in edges], "counts": counts, "missing": missing}


def quantile_edges(values: pd.Series, bins: int = BINS) -> list[float]:
    """Inner edges of about equally filled bins; a value that fills a bin alone gets a bin alone.

    Without that rule the quantiles of a column that is mostly zero coincide and nothing above zero is seen.
    """
    known = pd.to_numeric(values, errors="coerce").dropna().to_numpy(dtype=float)
    if not len(known):
        return []
    distinct, counts = np.unique(known, return_counts=True)
    heavy = distinct[counts > len(known) / bins]
    rest = known[~np.isin(known, heavy)]
    quantiles = np.quantile(rest, np.linspace(0, 1, bins + 1)[1:-1]) if len(rest) else []
    edges = np.unique([*quantiles, *heavy, *np.nextafter(heavy, np.inf)])
    return [float(e) for e in edges[edges > distinct[0]]]


def _numeric_counts(values: pd.Series, edges: Sequence[float]) -> np.ndarray:
    """Rows per bin [edge, next edge), the missing ones last."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    known = numbers[~np.isnan(numbers)]
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return np.append(counts, len(numbers) - len(known))


def paired_counts(described: Mapping[str, Any], values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the baseline and of ``values`` in the same bins: its own, then unseen (categories), then missing."""
    if described["kind"] == "numeric":
        return np.array([*described["counts"], described["missing"]]), _numeric_counts(values, described["edges"])
    known = values.dropna().astype(str).value_counts()
    seen = [int(known.get(c, 0)) for c in described["counts"]]
    unseen, missing = int(known.sum()) - sum(seen), int(values.isna().sum())
    return np.array([*described["counts"].values(), 0, described["missing"]]), np.array([*seen, unseen, missing])


def psi(expected: np.ndarray, actual: np.ndarray) -> float:
    """Population stability index of two count vectors (k,); 0 is equal, above 0.25 is usually called a shift.

    Raises
    ------
    DataError
        the vectors have different lengths, or one has no rows.
    """
    p, q = _shares(expected, actual)
    return float(np.sum((q - p) * np.log(q / p)))


def js_divergence(expected: np.ndarray, actual: np.ndarray) -> float:
    """Jensen-Shannon divergence of two count vectors (k,), base 2, in [0, 1]; raises DataError as ``psi``."""
    p, q = _shares(expected, actual)
    m = (p + q) / 2
    return float(np.sum(p * np.log2(p / m) + q * np.log2(q / m)) / 2)


def _shares(expected: np.ndarray, actual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    expected, actual = np.asarray(expected, dtype=float), np.asarray(actual, dtype=float)
    if expected.shape != actual.shape or not expected.sum() or not actual.sum():
        raise DataError(
            f"cannot compare histograms of shapes {expected.shape} and {actual.shape}: give rows in equal bins"
        )
    used = (expected + actual) > 0  # a bin that both leave empty says nothing
    p, q = expected[used] + HALF_ROW, actual[used] + HALF_ROW
    return p / p.sum(), q / q.sum()


def feature_drift(spec: UseCase, described: Mapping[str, Any], frame: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """(PSI, Jensen-Shannon divergence) of every feature against the baseline ``described``.

    Raises
    ------
    DataError
        a feature is missing in the data or in the baseline, or there are no rows.
    """
    _require(spec, frame)
    if missing := [n for n in spec.feature_names if n not in described["features"]]:
        raise DataError(
            f"the baseline of {spec.name} does not know the features {missing}; it belongs to another release"
        )
    counts = {n: paired_counts(described["features"][n], frame[n]) for n in spec.feature_names}
    return {name: (psi(*pair), js_divergence(*pair)) for name, pair in counts.items()}


def prediction_drift(described: Mapping[str, Any], probabilities: np.ndarray) -> tuple[float, float]:
    """(PSI, Jensen-Shannon divergence) of the predicted probabilities (n,)."""
    pair = paired_counts(described["prediction"], pd.Series(np.asarray(probabilities, dtype=float)))
    return psi(*pair), js_divergence(*pair)


def missing_share(described: Mapping[str, Any]) -> float:
    """Share of feature cells that were missing in the baseline."""
    features = described["features"].values()
    return float(sum(f["missing"] for f in features) / (described["rows"] * len(features)))
