"""Drift against two more references than the release's own test set: the window before, and the same season last year.

The bins are those of the release, whatever the reference, so that figures can be compared; without a change both sides
scatter, and the noise floor is that of two samples. A feature that is far from the test set and not from last season is
usual for the season; one that is far from the window before has changed now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.operations import Figure
from include.evaluation.block_counts import Sample, by_block
from include.evaluation.blocks import Blocks, days_of
from include.evaluation.discoveries import discovery_level
from include.evaluation.divergence import Divergence, between
from include.evaluation.histograms import Paired
from include.families.serving import logged_scores
from include.operations.drift import drift
from include.operations.drift.drift_figures import mean_of
from include.operations.performance.performance import ROWS
from include.operations.windows.sample import drawn
from include.operations.windows.states import lack, too_few
from include.operations.windows.window import ANSWERS, Reference, Window, blocks_or_times
from include.specification.usecase import UseCase

MOST_ROWS = 50_000
"""Of a reference; more say hardly more, and cost time and memory with every window."""
BEFORE, LAST_SEASON = "window_before", "last_season"


@dataclass(frozen=True)
class _Side:
    """One column of one side, counted by block and bin; ``rows`` of it, which may have several words each."""

    sample: Sample
    rows: int

    @property
    def counts(self) -> np.ndarray:
        return np.asarray(self.sample.counts.sum(axis=0))


def sampled(spec: UseCase, rows: pd.DataFrame) -> pd.DataFrame:
    """About ``MOST_ROWS`` of the rows, always the same: all of an event or none."""
    return rows[drawn(rows[spec.event.id], MOST_ROWS)].reset_index(drop=True)


def figures(window: Window) -> list[Figure]:
    """``psi_<reference>`` of every feature that the reference has, and ``prediction_psi_<reference>`` of this release.

    The note says where the rows of the reference come from. Without a reference there is none of its figures.
    """
    references = {BEFORE: window.before, LAST_SEASON: window.last_season}
    known = {kind: one for kind, one in references.items() if one is not None and len(one.rows)}
    columns = {name for one in known.values() for name in window.spec.feature_names if name in one.rows}
    described = window.baseline["features"]
    now = _sides(window.spec, {n: described[n] for n in columns if n in described}, window.asked, window.asked_blocks)
    return [figure for kind, one in known.items() for figure in _against(window, kind, one, now)]


def _against(window: Window, kind: str, reference: Reference, now: Mapping[str, _Side]) -> list[Figure]:
    spec, described, blocks = window.spec, window.baseline["features"], blocks_or_times(window.spec, reference.rows)
    there = {name: described[name] for name in now if name in reference.rows}
    before = _sides(spec, there, reference.rows, blocks)
    columns = {name: _between(before[name], now[name]) for name in there}
    grouped = {
        name: [columns[part] for part in parts if part in columns]
        for name, parts in drift.columns_by_input(spec).items()
    }
    found = {name: mean_of(parts) for name, parts in grouped.items() if parts}
    constant = {
        name
        for name, parts in drift.columns_by_input(spec).items()
        if not any(_varies(before[part], now[part]) for part in parts if part in there)
    }
    answers = _answers(window, reference.answered)
    asked = [*(one for name, one in found.items() if name not in constant), *([answers] if answers else [])]
    level = discovery_level([one.p_value for one in asked], spec.monitoring.false_discovery)
    figures = [_figure(window, f"psi_{kind}", found[name], name, level, name in constant) for name in found]
    figures += [_figure(window, f"prediction_psi_{kind}", answers, ANSWERS, level, False)] if answers else []
    noted = [figure.model_copy(update={"note": reference.source}) for figure in figures]
    return too_few(noted, _lack(window, reference.rows, blocks))


def _sides(spec: UseCase, described: Mapping[str, Any], frame: pd.DataFrame, blocks: Blocks) -> dict[str, _Side]:
    days = days_of(spec, frame)
    return {name: _side(one, frame[name], blocks, days) for name, one in described.items()}


def _side(described: Mapping[str, Any], values: pd.Series, blocks: Blocks, days: int) -> _Side:
    counts = by_block(described, values, blocks)
    return _Side(Sample(blocks.unit, blocks.count, days, counts), len(values))


def _between(before: _Side, now: _Side) -> Divergence:
    pair = Paired(before.counts, now.counts, before.rows, now.rows)
    if "row" in (before.sample.unit, now.sample.unit):
        return between(pair)
    return between(pair, before.sample, now.sample)


def _varies(before: _Side, now: _Side) -> bool:
    return int(((before.counts + now.counts) > 0).sum()) > 1


def _answers(window: Window, answered: pd.DataFrame | None) -> Divergence | None:
    """How far the answers of this release are from those that it gave then; None where it gave hardly any."""
    if answered is None or len(answered) < ROWS:
        return None
    sides = []
    for rows, blocks in ((answered, blocks_or_times(window.spec, answered)), (window.asked, window.asked_blocks)):
        values = drift.predictions(window.spec, logged_scores(window.spec, rows))
        sides.append(_side(window.baseline["prediction"], values, blocks, days_of(window.spec, rows)))
    return _between(*sides)


def _figure(window: Window, name: str, found: Divergence, subject: str, level: float, constant: bool) -> Figure:
    n = len(window.asked)
    figure = window.scope.figure(name, found.psi, subject, n, found.floor_at(level))
    worth = {"effective_n": max(1, round(n / found.effect))}
    return figure.model_copy(update=worth | ({"state": "constant"} if constant else {}))


def _lack(window: Window, rows: pd.DataFrame, blocks: Blocks) -> str:
    """Why there are too few rows or blocks on one side; '' where they are enough."""
    for count, there in ((len(window.asked), window.asked_blocks), (len(rows), blocks)):
        if count < ROWS:
            return f"needs {ROWS} rows on both sides, has {count}"
        if why := lack(there):
            return why
    return ""
