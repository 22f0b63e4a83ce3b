"""Gaps between groups in the answers of a model, compared with limits.

``demographic_parity``: the share that is called positive; ``equal_opportunity``: the share of true positives that is
found; ``equalized_odds``: that, or the share of negatives wrongly called positive, whichever is further apart;
``error_gap``: the primary metric. Each is the largest value of a group less the smallest; with K classes it is taken of
each class against the rest and the worst class counts. Sources: Hardt, Price, Srebro, NeurIPS 2016; the rates are
fairlearn's (Weerts et al., JMLR 2023).

The largest of many differences is large by luck: every pair of groups is compared on its own, and a gap counts when one
of them is above the limit beyond chance, over all groups and measures together (see ``contrasts``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.evaluation import GateOutcome, HeldFigure, Interval
from include.contracts.spelling import as_text
from include.errors import DataError, UndefinedMetricError
from include.evaluation.blocks import Blocks, blocks_of
from include.evaluation.bootstrap import by_parts
from include.evaluation.contrasts import Contrasts, holm_levels, joined, pairs
from include.evaluation.group_rates import RATES, Cells
from include.families.registry import family
from include.specification.usecase import UseCase

MISSING = "(missing)"
RESAMPLES = 500


@dataclass(frozen=True)
class GroupFigures:
    """Of one column: its groups with their rows and rates, how far they are apart, and who is not judged.

    ``groups``: name → ``n`` and figures by name (None: undefined there). ``gaps``: measure → interval, ``contrasts``:
    measure → all pairs of groups; a measure that is undefined in a group (no positives, …) is in ``undefined`` with its
    reason.
    """

    column: str
    groups: Mapping[str, Mapping[str, float | int | None]]
    gaps: Mapping[str, Interval]
    unjudged: tuple[str, ...] = ()
    undefined: Mapping[str, str] | None = None
    contrasts: Mapping[str, Contrasts] = field(default_factory=dict)

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
    if not spec.fairness.groups:
        return []
    blocks = blocks_of(spec, frame)
    return [_of_column(spec, frame[column], y, scores, blocks, seed) for column in spec.fairness.groups]


def fairness_gates(spec: UseCase, figures: list[GroupFigures]) -> list[GateOutcome]:
    """One outcome per limit and column: passed unless two groups are further apart than the limit, beyond chance.

    Groups that are no further apart than their limits are refused at most at the rate 1 - ``confidence``, over all
    columns, measures and pairs of groups together.
    """
    level = 1 - spec.comparison.confidence
    judged = [(f, m, limit) for f in figures for m, limit in spec.fairness.limits.items() if m in f.contrasts]
    p_values = [f.contrasts[m].p_values(limit) for f, m, limit in judged]
    levels = holm_levels(np.concatenate(p_values), level) if judged else np.array([])
    places = np.cumsum([len(p) for p in p_values])[:-1]
    outcomes = [
        _gate(figure, measure, limit, p, tested)
        for (figure, measure, limit), p, tested in zip(judged, p_values, np.split(levels, places), strict=False)
    ]
    return [*outcomes, *_unjudged(spec, figures)]


def _gate(figures: GroupFigures, measure: str, limit: float, p: np.ndarray, levels: np.ndarray) -> GateOutcome:
    gap, contrasts, refused = figures.gaps[measure], figures.contrasts[measure], bool((p <= levels).any())
    low, high = contrasts.largest(float(levels[p.argmin()]))
    detail = (
        f"{contrasts.names[int(p.argmin())]}: the groups of {figures.column} are {gap.value:.4f} [{max(0.0, low):.4f}, "
        f"{high:.4f}] apart in {measure} on {gap.n} rows that say as much as {gap.effective_n}; at most {limit} is "
        "allowed, and the whole interval must be above it to refuse"
    )
    rows = contrasts.rows_to_find(limit, gap.n, float(levels.min()))
    bounds = gap.model_copy(update={"low": max(0.0, low), "high": high})
    gate, held = f"fairness:{measure}:{figures.column}", HeldFigure.of(f"gap in {measure}", bounds, limit, at_most=True)
    if refused or not limit or (rows is not None and rows <= gap.n):
        return GateOutcome(gate=gate, passed=not refused, detail=detail, held=held)
    about = f"; about {rows:,} needed to find a gap of twice the limit" if rows else ""
    return GateOutcome(
        gate=gate, passed=True, judged=False, needed=rows, detail=f"not judged on {gap.n} rows{about}: {detail}",
        held=held,
    )  # fmt: skip


def _unjudged(spec: UseCase, figures: list[GroupFigures]) -> list[GateOutcome]:
    outcomes = []
    for figure in figures:
        for measure in spec.fairness.limits:
            if measure not in figure.contrasts:
                why = (figure.undefined or {}).get(measure, "it is not defined for this task")
                outcomes.append(_not_judged(f"fairness:{measure}:{figure.column}", why))
        if figure.unjudged and spec.fairness.limits:
            outcomes.append(_not_judged(f"fairness:unjudged:{figure.column}", f"too few: {', '.join(figure.unjudged)}"))
    return outcomes


def _not_judged(gate: str, why: str) -> GateOutcome:
    return GateOutcome(gate=gate, passed=True, judged=False, detail=f"not judged: {why}")


def group_names(values: pd.Series) -> np.ndarray:
    """The group of every row, (n,), as text."""
    return as_text(values).fillna(MISSING).to_numpy(dtype=str)


@dataclass(frozen=True)
class _Rows:
    """Those of groups that are judged."""

    names: np.ndarray
    y: np.ndarray
    scores: np.ndarray
    blocks: Blocks

    @property
    def of_groups(self) -> dict[str, np.ndarray]:
        return {str(name): np.flatnonzero(self.names == name) for name in np.unique(self.names)}

    @property
    def independent(self) -> int:
        """Of the smallest group: its rows or blocks."""
        return min(self.blocks.of(rows).count for rows in self.of_groups.values())


def _of_column(
    spec: UseCase, values: pd.Series, y: np.ndarray, scores: np.ndarray, blocks: Blocks, seed: int
) -> GroupFigures:
    names, column = group_names(values), str(values.name)
    every = {str(name): np.flatnonzero(names == name) for name in np.unique(names)}
    few = {name: words for name, rows in every.items() if (words := _too_few(spec, blocks.of(rows)))}
    groups: dict[str, dict[str, Any]] = {name: {"n": len(rows)} for name, rows in every.items() if name not in few}
    small = tuple(f"{name} ({words})" for name, words in few.items())
    if len(groups) < 2:
        reason = f"{column} has {len(groups)} groups of {spec.fairness.min_rows} rows or more, two are needed"
        return GroupFigures(column, groups, {}, small, dict.fromkeys([*RATES, "error_gap"], reason))
    mine = np.flatnonzero(np.isin(names, list(groups)))
    rows = _Rows(names[mine], y[mine], scores[mine], blocks.of(mine))
    contrasts, undefined = _error_gap(spec, rows, groups, seed)
    if family(spec).facts.probabilities:
        _rate_gaps(spec, rows, groups, (contrasts, undefined), seed)
    gaps = {measure: _gap(spec, one, len(mine)) for measure, one in contrasts.items()}
    return GroupFigures(column, groups, gaps, small, undefined, contrasts)


def _too_few(spec: UseCase, blocks: Blocks) -> str:
    if len(blocks.codes) < spec.fairness.min_rows:
        return f"{len(blocks.codes)} rows"
    return "" if blocks.enough else f"{len(blocks.codes)} rows in {blocks.count} blocks of one {blocks.unit}"


def _gap(spec: UseCase, contrasts: Contrasts, n: int) -> Interval:
    """Its bounds hold for every pair of groups at once."""
    low, high = contrasts.largest((1 - spec.comparison.confidence) / 2 / len(contrasts.values))
    value = float(contrasts.values.max())
    return Interval(value=value, low=max(0.0, low), high=high, n=n, effective_n=contrasts.effective_n(n))


def _error_gap(
    spec: UseCase, rows: _Rows, groups: dict[str, dict[str, Any]], seed: int
) -> tuple[dict[str, Contrasts], dict[str, str]]:
    """Of the primary metric on the rows of each group, all drawn together; also puts the metric into ``groups``."""
    metric, of_groups = spec.metrics.primary, rows.of_groups
    undefined = {}
    for name, mine in of_groups.items():
        try:
            groups[name][metric] = by_parts(rows.y, rows.scores, metric, {name: mine}, 0)[0][0]
        except UndefinedMetricError as error:
            groups[name][metric] = None
            undefined["error_gap"] = f"group {name}: {error}"
    if undefined:
        return {}, undefined
    points, draws = by_parts(rows.y, rows.scores, metric, of_groups, RESAMPLES, seed=seed, blocks=rows.blocks)
    by_rows = draws
    if rows.blocks.unit != "row":
        _, by_rows = by_parts(rows.y, rows.scores, metric, of_groups, RESAMPLES, seed=seed)
    own = np.nanvar(by_rows, axis=0)
    least = own[:, None] + own[None, :]
    return {"error_gap": pairs(list(of_groups), points, draws, least, rows.independent, f" in {metric}")}, {}


def _rate_gaps(
    spec: UseCase,
    rows: _Rows,
    groups: dict[str, dict[str, Any]],
    into: tuple[dict[str, Contrasts], dict[str, str]],
    seed: int,
) -> None:
    """Of the rates that fairlearn counts, for the positive class or for every class against the rest."""
    contrasts, undefined = into
    predictions = family(spec).predicted(rows.scores)
    classes = {code: f" of {name}" for code, name in enumerate(spec.event.classes)} or {1: ""}
    block = None if rows.blocks.unit == "row" else rows.blocks.codes
    cells = {code: Cells.count(rows.names, rows.y.astype(int) == code, predictions == code, block) for code in classes}
    for code, one in cells.items():
        for name in groups:
            groups[name] |= {f"{rate}{classes[code]}": _known(known[name]) for rate, known in one.rates.items()}
    for measure, rates in RATES.items():
        if np.isnan([cell.gap(measure) for cell in cells.values()]).any():
            undefined[measure] = "a group has no row of some class, so a rate of it is not known"
            continue
        contrasts[measure] = joined(
            [
                _of_rate(cell, rate, rows.independent, f"{rate}{classes[code]}", seed + code)
                for code, cell in cells.items()
                for rate in rates
            ]
        )


def _of_rate(cells: Cells, rate: str, independent: int, called: str, seed: int) -> Contrasts:
    own = cells.variances(rate)
    draws = cells.resampled(rate, RESAMPLES, seed)
    return pairs(cells.names, cells.points(rate), draws, own[:, None] + own[None, :], independent, f" in {called}")


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
