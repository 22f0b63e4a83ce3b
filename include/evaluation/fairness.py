"""Gaps between groups in the answers of a model, compared with limits.

``demographic_parity``: the share that is called positive; ``equal_opportunity``: the share of true positives that is
found; ``equalized_odds``: that, or the share of negatives wrongly called positive, whichever is further apart;
``error_gap``: the primary metric. Each is the largest value of a group less the smallest; with K classes it is taken of
each class against the rest and the worst class counts. Sources: Hardt, Price, Srebro, NeurIPS 2016; the rates are
fairlearn's (Weerts et al., JMLR 2023).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.evaluation import GateOutcome, Interval
from include.contracts.spelling import as_text
from include.errors import DataError, UndefinedMetricError
from include.evaluation.bootstrap import paired
from include.evaluation.weighted import ratio
from include.families.registry import family
from include.specification.usecase import UseCase

MISSING = "(missing)"
RATES: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
}
RESAMPLES = 500


@dataclass(frozen=True)
class GroupFigures:
    """Of one column: its groups with their rows and rates, how far they are apart, and who is not judged.

    ``groups``: name → ``n`` and figures by name (None: undefined there). ``gaps``: measure → interval; a measure that
    is undefined in a group (no positives, …) is in ``undefined`` with its reason.
    """

    column: str
    groups: Mapping[str, Mapping[str, float | int | None]]
    gaps: Mapping[str, Interval]
    unjudged: tuple[str, ...] = ()
    undefined: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "column": self.column,
            "groups": {name: dict(figures) for name, figures in self.groups.items()},
            "gaps": {measure: interval.json_dict() for measure, interval in self.gaps.items()},
            "unjudged": list(self.unjudged),
            "undefined": dict(self.undefined or {}),
        }


def group_figures(
    spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray, *, seed: int = 0
) -> list[GroupFigures]:
    """Figures per column of ``fairness.groups``; empty when the spec names none.

    ``y`` is the truth (n,), for clustering (n, d), ``scores`` are (n,) or (n, K), as in ``include.families.protocol``.
    Raises DataError when ``frame`` lacks a column of ``fairness.groups``.
    """
    if missing := [c for c in spec.fairness.groups if c not in frame.columns]:
        raise DataError(f"{spec.name}: fairness.groups needs {missing}; the rows have {list(frame.columns)}")
    return [_of_column(spec, frame[column], y, scores, seed) for column in spec.fairness.groups]


def fairness_gates(spec: UseCase, figures: list[GroupFigures]) -> list[GateOutcome]:
    """One outcome per limit and column: passed when the gap is within the limit.

    The gap itself is judged, not a bound of its interval: that a group is too small to prove the harm is no excuse,
    and groups below ``fairness.min_rows`` are not judged at all, which is said.
    """
    outcomes = [_gate(figure, measure, limit) for figure in figures for measure, limit in spec.fairness.limits.items()]
    for figure in figures:
        if figure.unjudged and spec.fairness.limits:
            detail = f"not judged, fewer than {spec.fairness.min_rows} rows: {', '.join(figure.unjudged)}"
            outcomes.append(GateOutcome(gate=f"fairness:unjudged:{figure.column}", passed=True, detail=detail))
    return outcomes


def _gate(figures: GroupFigures, measure: str, limit: float) -> GateOutcome:
    name = f"fairness:{measure}:{figures.column}"
    if measure not in figures.gaps:
        why = (figures.undefined or {}).get(measure, "it is not defined for this task")
        return GateOutcome(gate=name, passed=True, detail=f"not judged: {why}")
    gap = figures.gaps[measure]
    detail = (
        f"the groups of {figures.column} are {gap.value:.4f} [{gap.low:.4f}, {gap.high:.4f}] apart in {measure} on "
        f"{gap.n} rows; at most {limit} is allowed"
    )
    return GateOutcome(gate=name, passed=gap.value <= limit, detail=detail)


def group_names(values: pd.Series) -> np.ndarray:
    """The group of every row, (n,), as text."""
    return as_text(values).fillna(MISSING).to_numpy(dtype=str)


def _of_column(spec: UseCase, values: pd.Series, y: np.ndarray, scores: np.ndarray, seed: int) -> GroupFigures:
    names = group_names(values)
    counts = {str(name): int(n) for name, n in zip(*np.unique(names, return_counts=True), strict=True)}
    judged = [name for name, n in counts.items() if n >= spec.fairness.min_rows]
    small = tuple(f"{name} ({n} rows)" for name, n in counts.items() if name not in judged)
    groups: dict[str, dict[str, float | int | None]] = {name: {"n": counts[name]} for name in judged}
    if len(judged) < 2:
        reason = f"{values.name} has {len(judged)} groups of {spec.fairness.min_rows} rows or more, two are needed"
        undefined = dict.fromkeys([*RATES, "error_gap"], reason)
        return GroupFigures(str(values.name), groups, {}, small, undefined)
    gaps, undefined = _error_gap(spec, _Rows(names, y, scores), groups, seed)
    if family(spec).facts.probabilities:
        kept = np.isin(names, judged)
        _rate_gaps(spec, _Rows(names[kept], y[kept], scores[kept]), groups, (gaps, undefined), seed)
    return GroupFigures(str(values.name), groups, gaps, small, undefined)


@dataclass(frozen=True)
class _Rows:
    names: np.ndarray
    y: np.ndarray
    scores: np.ndarray


def _error_gap(
    spec: UseCase, rows: _Rows, groups: dict[str, dict[str, Any]], seed: int
) -> tuple[dict[str, Interval], dict[str, str]]:
    """Of the primary metric, resampled within each group; also puts the metric into ``groups``."""
    metric, level, draws, undefined = spec.metrics.primary, spec.comparison.confidence, [], {}
    for number, name in enumerate(groups):
        mine = np.flatnonzero(rows.names == name)
        try:
            drawn = paired(rows.y, {name: rows.scores}, [metric], RESAMPLES, level, seed=seed + number, rows=mine)
            groups[name][metric] = drawn.interval(metric, name).value
            draws.append(drawn.draws[metric, name])
        except UndefinedMetricError as error:
            groups[name][metric] = None
            undefined["error_gap"] = f"group {name}: {error}"
    if undefined:
        return {}, undefined
    values, n = [group[metric] for group in groups.values()], sum(group["n"] for group in groups.values())
    return {"error_gap": _interval(spec, max(values) - min(values), np.ptp(np.stack(draws), axis=0), n)}, {}


def _rate_gaps(
    spec: UseCase,
    rows: _Rows,
    groups: dict[str, dict[str, Any]],
    into: tuple[dict[str, Interval], dict[str, str]],
    seed: int,
) -> None:
    """Of the rates that fairlearn counts, for the positive class or for every class against the rest."""
    gaps, undefined = into
    predictions = family(spec).predicted(rows.scores)
    classes = {code: f" of {name}" for code, name in enumerate(spec.event.classes)} or {1: ""}
    cells = {code: Cells.count(rows.names, rows.y.astype(int) == code, predictions == code) for code in classes}
    for code, one in cells.items():
        rates = one.rates
        for name in groups:
            groups[name] |= {f"{rate}{classes[code]}": _known(rates[rate][name]) for rate in rates}
    for measure in RATES:
        points = [cell.gap(measure) for cell in cells.values()]
        if np.isnan(points).any():
            undefined[measure] = "a group has no row of some class, so a rate of it is not known"
            continue
        draws = np.stack([one.resampled(measure, RESAMPLES, seed + i) for i, one in enumerate(cells.values())])
        gaps[measure] = _interval(spec, float(np.max(points)), draws.max(axis=0), len(rows.names))


@dataclass(frozen=True)
class Cells:
    """Rows by group, truth and answer of a yes-or-no question: all that rates depend on.

    Drawing rows with replacement is drawing these counts from a multinomial distribution, which costs nothing.
    """

    names: list[str]
    counts: np.ndarray
    """(groups, truth, answer)"""

    @classmethod
    def count(cls, names: np.ndarray, truth: np.ndarray, answer: np.ndarray) -> "Cells":
        """From rows (n,): group names, truth and answer as booleans."""
        groups, member = np.unique(names, return_inverse=True)
        at = member * 4 + truth.astype(int) * 2 + answer.astype(int)
        return cls([str(g) for g in groups], np.bincount(at, minlength=4 * len(groups)).reshape(-1, 2, 2))

    @cached_property
    def rates(self) -> dict[str, dict[str, float]]:
        """Rate → group → value by fairlearn; NaN where a group has no row to take it of."""
        from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

        group, truth, answer = (axis.ravel() for axis in np.indices(self.counts.shape))
        weights = self.counts.ravel()
        kept = weights > 0
        functions = {rate.__name__: rate for rate in (selection_rate, true_positive_rate, false_positive_rate)}
        frame = MetricFrame(
            metrics=functions,
            y_true=truth[kept],
            y_pred=answer[kept],
            sensitive_features=np.array(self.names)[group[kept]],
            sample_params={name: {"sample_weight": weights[kept]} for name in functions},
        ).by_group
        rates = {rate: {str(g): float(v) for g, v in frame[rate].items()} for rate in functions}
        return self._where_known(rates)

    def _where_known(self, rates: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        """fairlearn says 0 where there is no row to take a rate of."""
        below = {"true_positive_rate": self.counts[:, 1].sum(axis=1), "false_positive_rate": self.counts[:, 0].sum(1)}
        for rate, rows in below.items():
            rates[rate] |= {name: np.nan for name, n in zip(self.names, rows, strict=True) if n == 0}
        return rates

    def gap(self, measure: str) -> float:
        """Largest less smallest rate, of the rate that is furthest apart; NaN when a rate is not known."""
        rates = self.rates
        values = np.array([[rates[rate][name] for name in self.names] for rate in RATES[measure]])
        return float(np.ptp(values, axis=1).max())

    def resampled(self, measure: str, resamples: int, seed: int) -> np.ndarray:
        """The gap (resamples,) of rows drawn with replacement; NaN where a draw leaves a rate unknown."""
        total = int(self.counts.sum())
        drawn = np.random.default_rng(seed).multinomial(total, self.counts.ravel() / total, size=resamples)
        cells = drawn.reshape(resamples, -1, 2, 2).astype(float)
        above = {
            "selection_rate": (cells[..., 1].sum(axis=2), cells.sum(axis=(2, 3))),
            "true_positive_rate": (cells[:, :, 1, 1], cells[:, :, 1].sum(axis=2)),
            "false_positive_rate": (cells[:, :, 0, 1], cells[:, :, 0].sum(axis=2)),
        }
        rates = [ratio(*above[rate]) for rate in RATES[measure]]
        return np.max([np.ptp(rate, axis=1) for rate in rates], axis=0)


def _interval(spec: UseCase, value: float, draws: np.ndarray, n: int) -> Interval:
    tail = (1 - spec.comparison.confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(value=value, low=float(low), high=float(high), n=n)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
