"""Distributions as histograms, and distances between two of them.

Population stability index (Siddiqi, "Credit Risk Scorecards", 2006) and Jensen-Shannon divergence (Lin, IEEE Trans.
Information Theory 37, 1991; base 2, so in [0, 1]). Missing values are a bin of their own; so is everything that the
description never saw. A *described* distribution is JSON: ``{"kind": "numeric", "edges", "counts", "missing"}``, with
the range ``low`` and ``high`` where there is a number, or ``{"kind": "categorical" | "text", "counts": {value: rows},
"other", "missing"}``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.encoding import words
from include.errors import DataError

BINS = 10
HALF_ROW = 0.5  # Jeffreys' prior: an empty bin is rare, not impossible
COMMON_WORDS = 50  # of a text; the others are one bin


def numeric(values: pd.Series, edges: Sequence[float] | None = None) -> dict[str, Any]:
    """Describe numbers (n,); without ``edges`` (inner ones, rising) in about equally filled bins."""
    edges = quantile_edges(values) if edges is None else edges
    *counts, missing = (int(c) for c in _numeric_counts(values, edges))
    described = {"kind": "numeric", "edges": [float(e) for e in edges], "counts": counts, "missing": missing}
    return described | _range(values)


def _range(values: pd.Series) -> dict[str, float]:
    """The least and the largest finite number; {} without one."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    finite = numbers[np.isfinite(numbers)]
    return {"low": float(finite.min()), "high": float(finite.max())} if len(finite) else {}


def categorical(values: pd.Series, known: Iterable[str] = ()) -> dict[str, Any]:
    """Describe categories (n,); those ``known`` beforehand have a bin even if no row has them."""
    found = values.dropna().astype(str).value_counts()
    counts = dict.fromkeys(known, 0) | {str(k): int(v) for k, v in found.items()}
    return {"kind": "categorical", "counts": counts, "other": 0, "missing": int(values.isna().sum())}


def text(values: pd.Series) -> dict[str, Any]:
    """Describe texts (n,) by the words they use; ``counts`` are words, ``missing`` texts without any."""
    spoken = _words(values)
    counts = spoken.value_counts()
    common = {str(k): int(v) for k, v in counts.head(COMMON_WORDS).items()}
    other = int(counts.sum()) - sum(common.values())
    return {"kind": "text", "counts": common, "other": other, "missing": int(spoken.isna().sum())}


def _words(texts: pd.Series) -> pd.Series:
    """Every word of every text, one value each; NaN for a text without words."""
    return texts.fillna("").astype(str).map(words).explode()


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
    """Counts as described and of ``values`` in the same bins: its own, then others (not of numbers), then missing."""
    if described["kind"] == "numeric":
        return np.array([*described["counts"], described["missing"]]), _numeric_counts(values, described["edges"])
    units = _words(values) if described["kind"] == "text" else values.astype(object)
    known = units.dropna().astype(str).value_counts()
    seen = [int(known.get(c, 0)) for c in described["counts"]]
    other, missing = int(known.sum()) - sum(seen), int(units.isna().sum())
    before = [*described["counts"].values(), described.get("other", 0), described["missing"]]
    return np.array(before), np.array([*seen, other, missing])


def divergences(described: Mapping[str, Any], values: pd.Series) -> tuple[float, float]:
    """(PSI, Jensen-Shannon divergence) of ``values`` against the described distribution."""
    pair = paired_counts(described, values)
    return psi(*pair), js_divergence(*pair)


def psi(expected: np.ndarray, actual: np.ndarray) -> float:
    """Population stability index of two count vectors (k,); 0 is equal, above 0.25 is usually called a shift.

    Raises DataError when the vectors have different lengths, or one has no rows.
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
