"""Paired bootstrap of several models on one test set.

Blocks of rows (see ``blocks``) are drawn with replacement, the same for every model, so that the interval of a
difference does not contain the luck of the draw that both share. Intervals of a metric are those of ``intervals``;
those of a difference are expanded percentile intervals: as wide as a t interval of so many blocks, where a plain
percentile interval would be as one of the normal distribution with a variance too small; that is also the correction
for few blocks.

The effective n of a figure is the number of independent rows that would scatter as much: n times the variance by rows
over the variance by blocks (the design effect: Kish, "Survey Sampling", 1965).

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 13 (percentile interval) and 16;
Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015, section 4.4.
A resample is held as the multiplicity of each row (see ``weighted``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtr, stdtrit

from include.contracts.evaluation import Interval
from include.errors import UndefinedMetricError
from include.evaluation.blocks import Blocks
from include.evaluation.intervals import bounds
from include.evaluation.metrics import checked, direction, kind_of, require_defined, score, silhouettes
from include.evaluation.power import effective_rows
from include.evaluation.weighted import WEIGHTED, Area, Mean, Sums, Weighted, mean

CHUNK_CELLS = 500_000  # resamples x rows held at once: 4 MB arrays stay in the cache, twice as fast as 32 MB ones
Key = tuple[str, str]  # metric, model
DEFINED_SHARE = 0.95  # in so many resamples the metric must be defined
MOST_GROUPED = 200  # more blocks: rows are cheaper than wins of each block over each
BY_ROWS = 200  # resamples that tell how much a figure would scatter if rows were independent


@dataclass(frozen=True)
class Resampled:
    """Point values and resampled values of each (metric, model), of ``n`` rows in ``blocks`` blocks of a ``unit``.

    ``by_rows`` are fewer resamples by rows; empty where rows are the blocks. ``rarest``: rows of the rarest class; None
    where there are no classes.
    """

    n: int
    confidence: float
    points: dict[Key, float]
    draws: dict[Key, np.ndarray]
    unit: str = "row"
    blocks: int = 0
    by_rows: Mapping[Key, np.ndarray] = field(default_factory=dict)
    rarest: int | None = None

    def at_confidence(self, confidence: float) -> "Resampled":
        """The same draws, with intervals of another confidence."""
        return replace(self, confidence=confidence)

    def interval(self, metric: str, model: str) -> Interval:
        key = metric, model
        draws = _defined(metric, self.draws[key], self.n)
        # mistakes of a class that has few rows may be rare in all and frequent there
        trials = self.independent if metric == "accuracy" else min(self.independent, self.rarest or self.n)
        tail = (1 - self.confidence) / 2
        low, high = bounds(metric, self.points[key], draws, tail, self.independent, trials)
        worth = _effective(self.n, draws, self.by_rows.get(key), self.independent)
        return Interval(value=self.points[key], low=low, high=high, n=self.n, effective_n=worth)

    def gain(self, metric: str, model: str, over: str, other: "Resampled | None" = None) -> Interval:
        """How much better ``model`` is than ``over``: positive is better, whatever the metric's direction.

        Paired when both are in this test set; with ``other`` (a test set drawn independently) ``over`` is
        taken from there and the draws are independent.
        """
        base = other or self
        sign = direction(metric)
        point = sign * (self.points[metric, model] - base.points[metric, over])
        draws = self.gains(metric, model, over, other)
        by_rows = None
        if self.by_rows and base.by_rows:
            by_rows = self.by_rows[metric, model] - base.by_rows[metric, over]
        n, independent = min(self.n, base.n), min(self.independent, base.independent)
        defined = _defined(f"gain in {metric}", draws, n)
        tail = _expanded((1 - self.confidence) / 2, independent)
        # of B draws and the truth, each of the B + 1 places is as likely: the tail is counted in those
        low, high = np.quantile(defined, [tail, 1 - tail], method="weibull")
        worth = _effective(n, defined, by_rows, independent)
        return Interval(value=point, low=float(low), high=float(high), n=n, effective_n=worth)

    def gains(self, metric: str, model: str, over: str, other: "Resampled | None" = None) -> np.ndarray:
        """The gain in every resample (k,); NaN where the metric is undefined."""
        base = other or self
        return direction(metric) * (self.draws[metric, model] - base.draws[metric, over])

    @property
    def independent(self) -> int:
        """What is drawn independently: so many blocks, or rows."""
        return self.blocks or self.n


def _defined(what: str, draws: np.ndarray, n: int) -> np.ndarray:
    """The draws that have a value; raises UndefinedMetricError where too few have one."""
    defined = draws[np.isfinite(draws)]
    if len(defined) < DEFINED_SHARE * len(draws):
        raise UndefinedMetricError(
            f"{what}: only {len(defined)} of {len(draws)} resamples define it; the test set of {n} rows has too "
            "few rows of a class, or too few different labels"
        )
    return defined


def _effective(n: int, by_blocks: np.ndarray, by_rows: np.ndarray | None, independent: int) -> int:
    """So many independent rows scatter as these blocks do, between 1 and n; one block alone does not scatter."""
    if by_rows is None:
        return n
    if independent == 1:
        return 1
    return effective_rows(n, float(np.nanvar(by_rows)), float(np.nanvar(by_blocks)))


def _expanded(tail: float, n: int) -> float:
    """The smaller tail that makes a percentile interval of ``n`` blocks as wide as a t interval."""
    return float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, tail))) if n > 1 else tail


def paired(
    y: np.ndarray,
    models: Mapping[str, np.ndarray],
    metrics: Sequence[str],
    resamples: int = 1000,
    confidence: float = 0.95,
    *,
    seed: int = 0,
    rows: np.ndarray | None = None,
    blocks: Blocks | None = None,
) -> Resampled:
    """Resample every metric of every model on the same rows.

    Parameters
    ----------
    y : truth as in ``families.protocol``: labels (n,), or the space (n, d) of a clustering
    models : scores (n,) or (n, K) per model name
    rows : only these rows are drawn and judged (a slice); a clustering stays that of all rows
    blocks : of all rows (n,), drawn as a whole; None: rows are independent

    Raises
    ------
    UndefinedMetricError
        a metric cannot be computed from these rows, like a ranking metric of a single class.
    EvaluationError
        unusable labels or scores.
    """
    chosen = np.arange(len(y)) if rows is None else rows
    prepared = {
        (metric, model): _prepared(metric, *checked(y, p, model, kind_of(metric)), chosen, model)
        for metric in metrics
        for model, p in models.items()
    }
    weighted = {key: one for key, (_, one) in prepared.items()}
    points = {key: point for key, (point, _) in prepared.items()}
    n, rarest = len(chosen), _rarest(y[chosen]) if any(kind_of(metric) == "class" for metric in metrics) else None
    drawn_by = blocks.of(chosen) if blocks and blocks.unit != "row" else None
    if drawn_by is None:
        draws = _draws(_together(weighted), _multiplicities(n, n, resamples, seed))
        return Resampled(n, confidence, points, draws, rarest=rarest)
    of_blocks = _together({key: _of_blocks(one, drawn_by) for key, one in weighted.items()})
    draws = _draws(of_blocks, _multiplicities(drawn_by.count, n, resamples, seed))
    by_rows = _draws(_together(weighted), _multiplicities(n, n, min(BY_ROWS, resamples), seed))
    return Resampled(n, confidence, points, draws, drawn_by.unit, drawn_by.count, by_rows, rarest)


def _of_blocks(weighted: Weighted, blocks: Blocks) -> Weighted:
    """The same of the multiplicities of blocks (k, count); rows of a block are drawn as often as it is."""
    if isinstance(weighted, Sums) or (isinstance(weighted, Area | Mean) and blocks.count <= MOST_GROUPED):
        return weighted.grouped(blocks.codes, blocks.count)
    return lambda counts: weighted(counts[:, blocks.codes])


def _rarest(labels: np.ndarray) -> int:
    return int(np.unique(labels, return_counts=True)[1].min())


def by_parts(
    y: np.ndarray,
    scores: np.ndarray,
    metric: str,
    parts: Mapping[str, np.ndarray],
    resamples: int,
    *,
    seed: int = 0,
    blocks: Blocks | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The metric of one model on each part of the rows: points (k,) and draws (resamples, k).

    All rows are drawn at once, so that what the parts have in common, like a bad day, is in all of them. Raises as
    ``paired`` does.
    """
    truth, answers = checked(y, scores, "the model", kind_of(metric))
    prepared = dict(zip(parts, _prepared_parts(metric, truth, answers, parts), strict=True))
    points = np.array([point for point, _ in prepared.values()])
    by_row = blocks is None or blocks.unit == "row"
    drawn_of = blocks if blocks is not None and not by_row else Blocks("row", np.arange(len(y)), len(y))
    of_blocks = [
        (lambda counts, one=one, rows=rows: one(counts[:, rows]))
        if by_row
        else _of_blocks(one, Blocks(drawn_of.unit, drawn_of.codes[rows], drawn_of.count))
        for (_, one), rows in zip(prepared.values(), parts.values(), strict=True)
    ]
    drawn = [
        np.column_stack([one(counts) for one in of_blocks])
        for counts in _multiplicities(drawn_of.count, len(y), resamples, seed)
    ]
    return points, np.concatenate([np.empty((0, len(parts))), *drawn])


def _prepared_parts(
    metric: str, truth: np.ndarray, scores: np.ndarray, parts: Mapping[str, np.ndarray]
) -> list[tuple[float, Weighted]]:
    """The metric of each part, as ``_prepared``; the silhouettes of all rows are computed once."""
    if kind_of(metric) != "cluster":
        return [_prepared(metric, truth, scores, rows, name) for name, rows in parts.items()]
    require_defined(metric, truth, scores, "the model")
    values = silhouettes(truth, scores.argmax(axis=1))
    return [(float(values[rows].mean()), mean(values[rows])) for rows in parts.values()]


def _draws(
    computed: Callable[[np.ndarray], dict[Key, np.ndarray]], multiplicities: Iterator[np.ndarray]
) -> dict[Key, np.ndarray]:
    """Every metric of every resample, (k,) each."""
    chunks = [computed(counts) for counts in multiplicities]
    return {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}


def _together(weighted: Mapping[Key, Weighted]) -> Callable[[np.ndarray], dict[Key, np.ndarray]]:
    """Multiplicities → every metric of the resamples; all those that are sums by one matrix product."""
    of_sums = {key: one for key, one in weighted.items() if isinstance(one, Sums)}
    others = {key: one for key, one in weighted.items() if key not in of_sums}
    widths = [sums.columns.shape[1] for sums in of_sums.values()]
    columns = np.hstack([sums.columns for sums in of_sums.values()]) if of_sums else None

    def computed(counts: np.ndarray) -> dict[Key, np.ndarray]:
        metrics = {key: other(counts) for key, other in others.items()}
        if columns is not None:
            parts = np.split((counts @ columns).T, np.cumsum(widths)[:-1])
            drawn = next(iter(of_sums.values())).rows(counts)
            metrics |= {key: one.finish(part, drawn) for (key, one), part in zip(of_sums.items(), parts, strict=True)}
        return metrics

    return computed


def _prepared(metric: str, truth: np.ndarray, scores: np.ndarray, rows: np.ndarray, who: str) -> tuple[float, Weighted]:
    """The metric's value on the rows, and how it is computed from their multiplicities.

    A row's silhouette is that in the clustering of all rows, whichever are drawn: centres that moved with every
    resample would be another clustering.
    """
    if kind_of(metric) == "cluster":
        require_defined(metric, truth, scores, who)
        values = silhouettes(truth, scores.argmax(axis=1))[rows]
        return float(values.mean()), mean(values)
    return score(metric, truth[rows], scores[rows], who), WEIGHTED[metric](truth[rows], scores[rows])


def _multiplicities(drawn: int, rows: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of ``drawn`` rows or blocks is drawn, (k, drawn), in chunks whose ``rows`` fit the memory."""
    random = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // rows)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        places = random.integers(0, drawn, (size, drawn)) + drawn * np.arange(size)[:, None]
        yield np.bincount(places.ravel(), minlength=size * drawn).reshape(size, drawn).astype(np.float64)
