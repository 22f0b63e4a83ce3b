"""Distributions as histograms, and how two of them are paired bin by bin.

A *described* distribution is JSON: ``{"kind": "numeric", "edges", "counts", "unreadable", "missing"}``, with the range
``low`` and ``high`` where there is a number, or ``{"kind": "categorical" | "text", "counts": {value: rows}, "other",
"missing"}``; a text has its number of ``rows`` too. What the description never had has bins of its own: numbers below
its lowest and above its highest value, values that are no number, categories that it never saw, and missing values.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from include.contracts.encoding import words
from include.contracts.spelling import as_known, as_text

BINS = 10
COMMON = 50  # categories, or words of a text, with a bin of their own; all others share one


class Paired(NamedTuple):
    """Counts (k,) as described and now, in the same bins, and the independent observations behind each.

    ``levels`` (2, K) are the counts of every category and of missing values, where the bins are chosen among them.
    """

    before: np.ndarray
    now: np.ndarray
    rows_before: int
    rows_now: int
    levels: np.ndarray | None = None


def numeric(values: pd.Series, edges: Sequence[float] | None = None) -> dict[str, Any]:
    """Describe numbers (n,); without ``edges`` (inner ones, rising) in about equally filled bins."""
    numbers = _numbers(values)
    known = numbers[~np.isnan(numbers)]
    edges = _quantile_edges(known) if edges is None else edges
    missing = int(values.isna().sum())
    return {
        "kind": "numeric",
        "edges": [float(e) for e in edges],
        "counts": [int(count) for count in _binned(known, edges)],
        "unreadable": len(numbers) - len(known) - missing,
        "missing": missing,
    } | _range(known)


def _numbers(values: pd.Series) -> np.ndarray:
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _range(known: np.ndarray) -> dict[str, float]:
    """The least and the largest finite number; {} without one."""
    finite = known[np.isfinite(known)]
    return {"low": float(finite.min()), "high": float(finite.max())} if len(finite) else {}


def categorical(values: pd.Series, known: Iterable[str] = ()) -> dict[str, Any]:
    """Describe categories (n,); those ``known`` beforehand are not new even if no row has them."""
    texts = as_known(values, known)
    counts = dict.fromkeys(known, 0) | {str(k): int(v) for k, v in texts.value_counts().items()}
    return {"kind": "categorical", "counts": counts, "other": 0, "missing": int(texts.isna().sum())}


def text(values: pd.Series) -> dict[str, Any]:
    """Describe texts (n,) by the words they use; ``counts`` are words, ``missing`` texts without any."""
    spoken = _words(values)
    counts = spoken.value_counts()
    common = {str(k): int(v) for k, v in counts.head(COMMON).items()}
    other, missing = int(counts.sum()) - sum(common.values()), int(spoken.isna().sum())
    return {"kind": "text", "counts": common, "other": other, "missing": missing, "rows": len(values)}


def _words(texts: pd.Series) -> pd.Series:
    """Every word of every text, one value each; NaN for a text without words."""
    return as_text(texts).fillna("").map(words).explode()


def quantile_edges(values: pd.Series, bins: int = BINS) -> list[float]:
    """Inner edges of about equally filled bins; a value that fills a bin alone gets a bin alone.

    Without that rule the quantiles of a column that is mostly zero coincide and nothing above zero is seen.
    """
    numbers = _numbers(values)
    return _quantile_edges(numbers[~np.isnan(numbers)], bins)


def _quantile_edges(known: np.ndarray, bins: int = BINS) -> list[float]:
    known = known[np.isfinite(known)]
    if not len(known):
        return []
    distinct, counts = np.unique(known, return_counts=True)
    heavy = distinct[counts > len(known) / bins]
    rest = known[~np.isin(known, heavy)]
    quantiles = np.quantile(rest, np.linspace(0, 1, bins + 1)[1:-1]) if len(rest) else []
    edges = np.unique([*quantiles, *heavy, *np.nextafter(heavy, np.inf)])
    return [float(e) for e in edges[(edges > distinct[0]) & (edges <= distinct[-1])]]


def _binned(known: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Numbers per bin [edge, next edge)."""
    return np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)


def paired(described: Mapping[str, Any], values: pd.Series) -> Paired:
    """The description and ``values`` (n,) in the bins of the description."""
    if described["kind"] == "categorical":
        return _paired_categories(described, values)
    pair = _paired_numbers(described, values) if described["kind"] == "numeric" else _paired_words(described, values)
    before, now = (np.array(counts, dtype=np.int64) for counts in pair)
    return Paired(before, now, described.get("rows", int(before.sum())), len(values))


def _paired_numbers(described: Mapping[str, Any], values: pd.Series) -> tuple[list[int], list[int]]:
    """Below the described range, its bins, above it, no number, missing."""
    numbers, missing = _numbers(values), int(values.isna().sum())
    known = numbers[~np.isnan(numbers)]
    low, high = described.get("low", -np.inf), described.get("high", np.inf)
    below, above = int((known < _apart(low, -np.inf)).sum()), int((known > _apart(high, np.inf)).sum())
    if below or above:
        known = known[(known >= _apart(low, -np.inf)) & (known <= _apart(high, np.inf))]
    now = [below, *_binned(known, described["edges"]), above, len(numbers) - len(known) - below - above - missing]
    return [0, *described["counts"], 0, described.get("unreadable", 0), described["missing"]], [*now, missing]


def _apart(bound: float, direction: float) -> float:
    """The next number that a model can tell from ``bound``: it reads float32."""
    with np.errstate(over="ignore"):
        near, end = np.float32(bound), np.float32(direction)
    return float(np.nextafter(np.nextafter(near, end), end))


def _paired_categories(described: Mapping[str, Any], values: pd.Series) -> Paired:
    texts = as_known(values, described["counts"])
    missing = described["missing"], int(texts.isna().sum())
    before, now = pd.Series(described["counts"], dtype=np.int64), texts.dropna().value_counts()
    names = before.index.union(now.index, sort=False)
    levels = np.array([side.reindex(names, fill_value=0).to_numpy() for side in (before, now)], dtype=np.int64)
    return paired_levels(levels, missing, names.isin(before.index))


def paired_levels(levels: np.ndarray, missing: tuple[int, int], known: np.ndarray | None = None) -> Paired:
    """Rows by category (2, K), before and now, in bins; ``known`` as in ``category_bins``."""
    pair = category_bins(levels[:1], levels[1:], known)
    before, now = (np.append(counts[0], gone) for counts, gone in zip(pair, missing, strict=True))
    few = levels.shape[1] <= COMMON and bool((levels[0] > 1).all())  # each has its bin, whatever the sample
    return Paired(before, now, int(before.sum()), int(now.sum()), None if few else np.column_stack([levels, missing]))


def category_bins(
    before: np.ndarray, now: np.ndarray, known: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Counts by category (s, K) of s pairs of samples → (s, k): the most common before, all others, those never seen.

    How many rows have a category that was never seen is expected to be as many as have one that was seen once (Good,
    Biometrika 40, 1953): each of those was new when it came. ``known`` (K,) are categories that are not new even if
    no row had them.
    """
    seen = before > 0 if known is None else np.broadcast_to(known, before.shape)
    repeated = seen & (before != 1)
    order = np.argsort(np.where(repeated, -before, 1), axis=1, kind="stable")[:, :COMMON]
    once, fresh = np.where(before == 1, before, 0).sum(axis=1), np.where(seen, 0, now).sum(axis=1)
    own, others = (np.take_along_axis(np.where(repeated, side, 0), order, axis=1) for side in (before, now))
    return _with_the_rest(before, own, once), _with_the_rest(now, others, fresh)


def _with_the_rest(counts: np.ndarray, common: np.ndarray, never_seen: np.ndarray) -> np.ndarray:
    return np.column_stack([common, counts.sum(axis=1) - common.sum(axis=1) - never_seen, never_seen])


def _paired_words(described: Mapping[str, Any], values: pd.Series) -> tuple[list[int], list[int]]:
    """The common words, all others, texts without words."""
    spoken = _words(values)
    known = spoken.dropna().value_counts()
    now = [int(known.get(word, 0)) for word in described["counts"]]
    before = [*described["counts"].values(), described["other"], described["missing"]]
    return before, [*now, int(known.sum()) - sum(now), int(spoken.isna().sum())]
