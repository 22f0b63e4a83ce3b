"""Distributions as histograms, and how two of them are paired bin by bin.

A *described* distribution is JSON: ``{"kind": "numeric", "edges", "counts", "infinite", "unreadable", "missing"}``,
with the range ``low`` and ``high`` where there is a finite number, or ``{"kind": "categorical" | "text", "counts":
{value: rows}, "missing"}``; of a text the values are words, and it has its number of ``rows``. With more than ``KEPT``
different values only those that came ``least`` times or more are named, and ``rest`` are the rows of the others. What
the description never had has bins of its own: numbers below its lowest and above its highest value, values that are no
number, categories and words that it never saw, and missing values. Nothing depends on the order of the rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from include.contracts.encoding import words
from include.contracts.spelling import as_known, as_text

BINS = 10
FEW_ROWS = 20  # with fewer a bin beside a common value says nothing
FEW_EDGES = 64
COMMON = 50  # categories, or words of a text, with a bin of their own
KEPT = 10_000  # different ones that a description names; of free names there may be millions


class Paired(NamedTuple):
    """Counts (k,) as described and now, in the same bins, and the independent observations behind each.

    ``levels`` (2, K) are the counts of every category and of missing values, where the bins are chosen among them.
    ``ranged`` is the bin above the range of numbers, as bin 0 is the one below it; 0 where there is no range.
    """

    before: np.ndarray
    now: np.ndarray
    rows_before: int
    rows_now: int
    levels: np.ndarray | None = None
    ranged: int = 0


def numeric(values: pd.Series, edges: Sequence[float] | None = None) -> dict[str, Any]:
    """Describe numbers (n,); without ``edges`` (inner ones, rising) in about equally filled bins."""
    numbers = _numbers(values)
    finite, infinite, unreadable, missing = _kinds_of(values, numbers)
    edges = _quantile_edges(finite) if edges is None else edges
    return {
        "kind": "numeric",
        "edges": [float(e) for e in edges],
        "counts": [int(count) for count in _binned(finite, edges)],
        "infinite": infinite,
        "unreadable": unreadable,
        "missing": missing,
    } | ({"low": float(finite.min()), "high": float(finite.max())} if len(finite) else {})


def _kinds_of(values: pd.Series, numbers: np.ndarray) -> tuple[np.ndarray, list[int], int, int]:
    """The finite numbers, how many are infinite (negative, positive), how many are none, how many are missing."""
    finite, missing = numbers[np.isfinite(numbers)], int(values.isna().sum())
    infinite = [int((numbers == end).sum()) for end in (-np.inf, np.inf)]
    return finite, infinite, len(numbers) - len(finite) - sum(infinite) - missing, missing


def _numbers(values: pd.Series) -> np.ndarray:
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def middle(described: Mapping[str, Any]) -> tuple[float, float]:
    """Where described numbers lie, and how wide they spread: the outer two edges of the bins, else their whole range.

    A few numbers far from the others do not widen it. (0, infinity) where no range is known.
    """
    if "low" not in described:
        return 0.0, np.inf
    ends = np.array([described["low"], described["high"]])
    edges = np.clip(described["edges"], *ends)
    ends = edges[[0, -1]] if len(edges) and edges[0] < edges[-1] else ends
    return float(ends.mean()), float(np.ptp(ends))


def categorical(values: pd.Series, known: Iterable[str] = ()) -> dict[str, Any]:
    """Describe categories (n,); those ``known`` beforehand are not new even if no row has them."""
    texts = as_known(values, known)
    counted, missing = texts.value_counts(), int(texts.isna().sum())
    described = {"kind": "categorical", "missing": missing}
    if len(counted) <= KEPT:
        return described | {"counts": dict.fromkeys(known, 0) | {str(k): int(v) for k, v in counted.items()}}
    least = int(counted.iloc[KEPT]) + 1
    kept = counted[counted >= least]
    rest = int(counted.sum() - kept.sum())
    counts = dict.fromkeys(known, 0) | {str(k): int(v) for k, v in kept.items()}
    return described | {"counts": counts, "least": least, "rest": rest}


def text(values: pd.Series) -> dict[str, Any]:
    """Describe texts (n,) by the words they use; ``counts`` are words, ``missing`` texts without any."""
    return categorical(_words(values)) | {"kind": "text", "rows": len(values)}


def _words(texts: pd.Series) -> pd.Series:
    """Every word of every text, one value each; NaN for a text without words."""
    return as_text(texts).fillna("").map(words).explode()


def _quantile_edges(known: np.ndarray, bins: int = BINS) -> list[float]:
    """Inner edges of about equally filled bins; a value that fills a bin alone gets a bin alone.

    Without that rule the quantiles of a column that is mostly zero coincide and nothing above zero is seen. The other
    values have as many bins as they fill, more only with ``FEW_ROWS`` in each: bins around single rows are luck.
    """
    known = known[np.isfinite(known)]
    if not len(known):
        return []
    distinct, counts = np.unique(known, return_counts=True)
    heavy = distinct[counts > len(known) / bins]
    rest = known[~np.isin(known, heavy)]
    own = min(bins, max(-(-bins * len(rest) // len(known)), len(rest) // FEW_ROWS))
    quantiles = np.quantile(rest, np.linspace(0, 1, own + 1)[1:-1]) if len(rest) else []
    edges = np.unique([*quantiles, *heavy, *np.nextafter(heavy, np.inf)])
    return [float(e) for e in edges[(edges > distinct[0]) & (edges <= distinct[-1])]]


def _binned(known: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Numbers per bin [edge, next edge)."""
    return np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)


def paired(described: Mapping[str, Any], values: pd.Series) -> Paired:
    """The description and ``values`` (n,) in the bins of the description."""
    if described["kind"] == "numeric":
        return _paired_numbers(described, values)
    spelled = levels(described, values)
    return paired_counts(described, spelled.value_counts(), int(spelled.isna().sum()), len(values))


def levels(described: Mapping[str, Any], values: pd.Series) -> pd.Series:
    """Categories (n,) as the description spells them, or words, each with the index of its text; NaN where none."""
    return _words(values) if described["kind"] == "text" else as_known(values, described["counts"])


def paired_counts(described: Mapping[str, Any], now: pd.Series, missing: int, rows: int) -> Paired:
    """The description and how often each of its ``levels``, or another one, is there now, in as many ``rows``.

    Words of a text come together, so that only texts are independent of each other.
    """
    if "rest" in described:
        return _paired_kept(described, now, missing, rows)
    if described["kind"] != "text":
        return _paired_values(described["counts"], now, (described["missing"], missing))
    before = described["counts"]
    if rest := described.get("other", 0):  # by an earlier release, which kept the commonest words and counted the rest
        known = now.index.isin([*before])
        before, now = before | {"": rest}, pd.concat([now[known], pd.Series({"": now[~known].sum()})])
    return _paired_values(before, now, (described["missing"], missing))._replace(
        rows_before=described["rows"], rows_now=rows
    )


def _paired_kept(described: Mapping[str, Any], now: pd.Series, missing: int, rows: int) -> Paired:
    """Where only the names above ``KEPT`` are known: the others count as never seen, on both sides."""
    width = width_of(described)
    before = counts_of(described)
    after = np.bincount(
        _bins_of_names(described, now.index.to_series(), itself=False), weights=now.to_numpy(), minlength=width
    ).astype(np.int64)
    after[-1] += missing
    was = described["rows"] if described["kind"] == "text" else int(before.sum())
    return Paired(before, after, was, rows if described["kind"] == "text" else int(after.sum()))


def _paired_numbers(described: Mapping[str, Any], values: pd.Series) -> Paired:
    """Below the described range, its bins, above it, no number, missing."""
    now = _counts_of_numbers(described, values)
    before, infinite = counts_of(described), any(described.get("infinite", ()))
    ranged = len(described["counts"]) + 1 if "low" in described and not infinite else 0
    return Paired(before, now.astype(np.int64), int(before.sum()), len(values), ranged=ranged)


def counts_of(described: Mapping[str, Any]) -> np.ndarray:
    """How many of the described rows each bin of ``bins_of`` has, (k,); of a text, words."""
    counts = described["counts"]
    if described["kind"] == "numeric":
        least, most = described.get("infinite", (0, 0))
        return np.array([least, *counts, most, described.get("unreadable", 0), described["missing"]], np.int64)
    places = _bins_of_names(described, pd.Series([*counts], dtype=object), itself=True)
    rows = np.bincount(places, weights=[*counts.values()], minlength=width_of(described)).astype(np.int64)
    rows[-2:] += [described.get("rest", 0), described["missing"]]
    return rows


def within_range(counts: np.ndarray, ranged: int) -> np.ndarray:
    """Counts (…, k), those beyond the range of numbers in the bins beside; ``ranged`` as in ``Paired``."""
    if not ranged:
        return counts
    moved = counts.copy()
    for end, near in ((0, 1), (ranged, ranged - 1)):
        moved[..., near] += moved[..., end]
        moved[..., end] = 0
    return moved


def _counts_of_numbers(described: Mapping[str, Any], values: pd.Series) -> np.ndarray:
    """Numbers by bin, as ``_bins_of_numbers`` says it; to compare all with an edge is faster than to look each up."""
    edges, width = described["edges"], len(described["counts"]) + 4
    if len(edges) > FEW_EDGES:
        return np.bincount(_bins_of_numbers(described, values), minlength=width)
    numbers, largest = _numbers(values), np.finfo(float).max  # beyond that is infinite
    low = max(_apart(described.get("low", -np.inf), -np.inf), -largest)
    above = np.count_nonzero(numbers > min(_apart(described.get("high", np.inf), np.inf), largest))
    least = [np.count_nonzero(numbers >= max(edge, low)) for edge in (low, *edges)]
    known, missing = np.count_nonzero(numbers == numbers), int(values.isna().sum())  # noqa: PLR0124 - none is NaN
    inside = -np.diff([*np.maximum(least, above), above])
    return np.array([known - least[0], *inside, above, len(numbers) - known - missing, missing])


def _bins_of_numbers(described: Mapping[str, Any], values: pd.Series) -> np.ndarray:
    """The bin of every number (n,): below the described range, its bins, above it, no number, missing."""
    numbers, last = _numbers(values), len(described["counts"]) + 1
    bins = np.searchsorted(described["edges"], numbers, side="right") + 1
    bins[numbers < _apart(described.get("low", -np.inf), -np.inf)] = 0
    bins[numbers > _apart(described.get("high", np.inf), np.inf)] = last
    bins[numbers == -np.inf], bins[numbers == np.inf] = 0, last
    bins[np.isnan(numbers)] = last + 1
    bins[values.isna().to_numpy()] = last + 2
    return bins


def bins_of(described: Mapping[str, Any], values: pd.Series, itself: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The bin of every value (v,), and its row (v,): a text has many words.

    Bins are those of ``paired``, without those that no description fills. ``itself``: the values are the described
    ones.
    """
    if described["kind"] == "numeric":
        return _bins_of_numbers(described, values), np.arange(len(values))
    spelled = levels(described, values.reset_index(drop=True))
    return _bins_of_names(described, spelled, itself), spelled.index.to_numpy()


def _bins_of_names(described: Mapping[str, Any], names: pd.Series, itself: bool) -> np.ndarray:
    """The most common, all others, those never seen (of the described ones: seen once), missing."""
    common, rare = common_names(described), described.get("least", 1)
    others, fresh = len(common), len(common) + 1
    bins = {name: fresh if itself and n == rare else others for name, n in described["counts"].items()}
    bins |= {name: place for place, name in enumerate(common)}
    found = names.map(bins).fillna(fresh).to_numpy(dtype=np.int64, copy=True)
    found[names.isna().to_numpy()] = fresh + 1
    return found


def common_names(described: Mapping[str, Any]) -> list[str]:
    """Those with a bin of their own, the most common first.

    One that came once is common by luck; where the names above ``KEPT`` are left out, so is one that came as rarely as
    the rarest that is named: by one row less it would be left out.
    """
    counts, rare = described["counts"], described.get("least", 1)
    return sorted((name for name, n in counts.items() if n != rare), key=lambda name: (-counts[name], name))[:COMMON]


def width_of(described: Mapping[str, Any]) -> int:
    """How many bins ``bins_of`` has."""
    counts = described["counts"]
    if described["kind"] == "numeric":
        return len(counts) + 4
    return min(COMMON, sum(n != described.get("least", 1) for n in counts.values())) + 3


def _apart(bound: float, direction: float) -> float:
    """The next number that a model can tell from ``bound``: it reads float32."""
    with np.errstate(over="ignore"):
        near, end = np.float32(bound), np.float32(direction)
        return float(np.nextafter(np.nextafter(near, end), end))


def _paired_values(before: Mapping[str, int], now: pd.Series, missing: tuple[int, int]) -> Paired:
    """Counts by value as described, and now."""
    described = pd.Series(before, dtype=np.int64)
    names = described.index.union(now.index, sort=False).sort_values()  # of equally common ones the name decides
    levels = np.array([side.reindex(names, fill_value=0).to_numpy() for side in (described, now)], dtype=np.int64)
    return paired_levels(levels, missing, names.isin(described.index))


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
