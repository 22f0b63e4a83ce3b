"""Figures of drift: every feature, the answers, how many drifted, and how many false alarms to expect."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.operations import Figure
from include.evaluation.blocks import LEAST
from include.evaluation.chance import Chance
from include.evaluation.discoveries import discovery_level, most_often
from include.evaluation.divergence import JS_OF_PSI, Divergence
from include.families.registry import family
from include.families.serving import headline, logged_scores
from include.operations.drift import column_faults, drift
from include.operations.performance.performance import ROWS
from include.operations.windows.scope import Scope
from include.operations.windows.states import lack, too_few
from include.operations.windows.window import ANSWERS, Drifts, Window

MONTH = 30 * 24  # hours


def with_drifts(window: Window) -> Window:
    """The window with its drifts, and the level of all that is asked about it."""
    drifts = _drifts(window)
    return replace(window, drifts=drifts, level=discovery_level(drifts.p_values, _rate(window)))


def _rate(window: Window) -> float:
    return window.spec.monitoring.false_discovery


def _drifts(window: Window) -> Drifts:
    """Of a tensor the means over its columns, which may all move together."""
    spec, baseline, rows, drawn = window.spec, window.baseline, window.answered, drift.drawn_of(window)
    columns, grouped = drift.window_drift(window, drawn), drift.columns_by_input(spec)
    answers = drift.prediction_drift(spec, baseline, logged_scores(spec, rows), drawn)
    every = [*((name, [(c, columns[c]) for c in parts]) for name, parts in grouped.items()), (ANSWERS, [("", answers)])]
    described = {**baseline["features"], "": baseline["prediction"]}
    return Drifts(
        {name: mean_of([columns[c] for c in parts]) for name, parts in grouped.items()},
        {
            name: max((columns[c] for c in parts), key=lambda one: one.psi)
            for name, parts in grouped.items()
            if parts != [name]
        },
        answers,
        frozenset(
            name
            for name, parts in every
            if all(found.psi == 0 and drift.has_one_value(described[column]) for column, found in parts)
        ),
    )


def mean_of(columns: Sequence[Divergence]) -> Divergence:
    """The mean of columns, or of what may move together."""
    psi, js, effect = (float(np.mean([getattr(one, part) for one in columns])) for part in ("psi", "js", "effect"))
    return Divergence(psi, js, Chance.mean_of([one.chance for one in columns]), effect)


def inputs(window: Window) -> list[Figure]:
    """Drift and missing values per feature; a tensor is one feature, with the mean over its columns and the worst."""
    scope, baseline, n, figures = window.scope, window.baseline, len(window.answered), list[Figure]()
    facts = window.whole.facts if window.whole else column_faults.facts(scope.spec, baseline, window.asked)
    missing = pd.Series({name: column.missing_share for name, column in facts.items()})
    for name, columns in drift.columns_by_input(scope.spec).items():
        figures += _drift(window, "psi", "js", window.drifts.features[name], name)
        share = window.mean("missing", window.absent(columns), window.answered_blocks, name)
        figures += too_few([share], lack(window.answered_blocks))
        if name in window.drifts.worst:
            figures += _drift(window, "psi_max", None, window.drifts.worst[name], name)
    counted = _counts_of_drift(window, [figure for figure in figures if figure.name == "psi"])
    return [
        *figures,
        *too_few(counted, _lack(window)),
        scope.figure("missing_share", float(missing.mean()), n=n),
        column_faults.missing_increase(scope, baseline, float(missing.mean()), n),
        *column_faults.figures(scope, baseline, facts, n),
    ]


def answers(window: Window) -> list[Figure]:
    """Drift of the answers, their mean (of classes and clusters: of the largest score), and the share of each."""
    scope, rows = window.scope, window.answered
    spec, scores = scope.spec, logged_scores(scope.spec, rows)
    figures = _drift(window, "prediction_psi", "prediction_js", window.drifts.answers) if window.drifts.answers else []
    means = [window.mean("prediction_mean", headline(scores), window.answered_blocks)]
    if scores.ndim == 2:
        kind, said = family(spec), family(spec).predicted(scores)
        named = enumerate(kind.names(spec, scores.shape[1]))
        means += [window.mean("prediction_share", said == k, window.answered_blocks, name) for k, name in named]
    return figures + too_few(means, lack(window.answered_blocks))


def _drift(window: Window, psi: str, js: str | None, found: Divergence, subject: str = ANSWERS) -> list[Figure]:
    """PSI, and Jensen-Shannon divergence, each with its noise floor, in the state that the blocks allow."""
    scope, n, floor = window.scope, len(window.answered), found.floor_at(window.level)
    figures = [scope.figure(psi, found.psi, subject, n, floor, note=_by_rows(window))]
    if js:
        figures.append(scope.figure(js, found.js, subject, n, min(1.0, floor * JS_OF_PSI), note=_by_rows(window)))
    worth: dict[str, Any] = {"effective_n": max(1, round(n / found.effect))}
    if subject in window.drifts.constant:
        worth |= {"state": "constant", "note": "one value, in the baseline too"}
    figures = [figure.model_copy(update=worth) for figure in figures]
    return figures if subject in window.drifts.constant else too_few(figures, _lack(window))


def _lack(window: Window) -> str:
    """Why there are too few rows or blocks to say what chance alone does; '' where they are enough."""
    kept, blocks, rows = window.baseline.get("blocks", {"unit": "row"}), window.answered_blocks, len(window.answered)
    if why := lack(blocks) or (f"needs {ROWS} rows, has {rows}" if rows < ROWS else ""):
        return why
    if window.baseline["rows"] < ROWS:
        return f"needs {ROWS} rows in the release's test set, has {window.baseline['rows']}"
    if "row" in (kept["unit"], blocks.unit) or kept["count"] >= LEAST:
        return ""
    return f"needs {LEAST} {kept['unit']}s in the release's test set, has {kept['count']}"


def _by_rows(window: Window) -> str:
    if window.answered_blocks.unit == "row" or "blocks" in window.baseline:
        return ""
    return "judged by rows: the release has no counts by block"


def _counts_of_drift(window: Window, psi: list[Figure]) -> list[Figure]:
    """Features that drifted, those beyond the limit of which so few rows say nothing, and false alarms to expect."""
    scope, limit, n = window.scope, window.spec.monitoring.drift_threshold, len(window.answered)
    drifted = sum(figure.beyond(limit) for figure in psi)
    return [
        scope.figure("drifted_features", drifted, n=n),
        scope.figure("unclear_features", sum(figure.value > limit for figure in psi) - drifted, n=n),
        _false_alarms(scope, window.drifts, _rate(window), n),
    ]


def _false_alarms(scope: Scope, drifts: Drifts, rate: float, n: int) -> Figure:
    """Alerts of drift in 30 days, in which nothing changed, that are expected at most.

    An alert needs ``drift_features`` features beyond the threshold and beyond chance, each of which has a probability.
    """
    monitoring, every = scope.spec.monitoring, _hours(scope)
    least, limit = monitoring.drift_features, monitoring.drift_threshold
    varying = [found for name, found in drifts.features.items() if name not in drifts.constant]
    beyond = sum(found.chance.p_value(limit) for found in varying)
    of_chance, of_limit = most_often(least, len(drifts.p_values), rate), min(1.0, beyond / least)
    windows = MONTH / every
    note = (
        f"{windows:.3g} windows in 30 days, each at most min({of_chance:.2g}: {least} of {len(drifts.p_values)} beyond "
        f"chance at a false discovery rate of {rate:g}; {beyond:.2g} / {least} = {of_limit:.2g}: features beyond "
        f"{limit:g} by chance)"
    )
    return scope.figure("expected_false_alarms", windows * min(of_chance, of_limit), n=n, note=note)


def _hours(scope: Scope) -> float:
    """From the end of one window to that of the next."""
    calendar = scope.spec.calendar
    return (calendar.end(scope.period) - calendar.start(scope.period)).total_seconds() / 3600
