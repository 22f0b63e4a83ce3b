"""Drift of the features in every slice of a window, against the same slice of the release's test set.

Fifty slices of twenty features are a thousand chances to drift by luck: what is called drifted is decided for all of
them, and for the features of the whole window, together (see ``discoveries``). Rows of a slice are worth as many
independent ones as rows of the whole window are, which is careful: they share fewer blocks.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from include.contracts.operations import Figure
from include.evaluation import histograms
from include.evaluation.discoveries import discovery_level
from include.evaluation.divergence import Divergence, between
from include.evaluation.histograms import Paired
from include.operations.drift.drift import columns_by_input
from include.operations.drift.drift_figures import mean_of
from include.operations.drift.slice_baseline import binned_features
from include.operations.windows.states import lack, too_few
from include.operations.windows.window import Window

Drifts = dict[str, Divergence]
"""Input → how far it is, in one slice."""


def figures(
    window: Window, rows_of: Mapping[str, np.ndarray], baselines: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Figure]]:
    """Slice → ``psi`` of each feature, and how many drifted, with their names.

    ``rows_of``: positions of a slice's rows; ``baselines``: what is kept of the same slice of the test set. Slices
    with too few rows, or none in the test set, are left out.
    """
    least, features = window.spec.comparison.slices.min_rows, window.baseline["features"]
    judged = [name for name, rows in rows_of.items() if name in baselines and len(rows) >= least]
    binned = binned_features(window.spec, features, window.asked) if judged else {}
    found = {
        name: _drifts(window, {n: codes[rows_of[name]] for n, codes in binned.items()}, baselines[name])
        for name in judged
    }
    p_values = [one.p_value for drifts in found.values() for one in drifts.values()]
    level = discovery_level([*window.drifts.p_values, *p_values], window.spec.monitoring.false_discovery)
    return {name: _figures(window, drifts, rows_of[name], level) for name, drifts in found.items()}


def _drifts(window: Window, codes: Mapping[str, np.ndarray], kept: Mapping[str, Any]) -> Drifts:
    """Of each input that varies; of a tensor the means over its columns."""
    pairs = {name: _pair(window.baseline["features"][name], mine, kept, name) for name, mine in codes.items()}
    found = {name: between(pair) for name, pair in pairs.items() if pair is not None and _varies(pair)}
    grouped = {
        name: [found[column] for column in columns if column in found]
        for name, columns in columns_by_input(window.spec).items()
    }
    return {name: _with_effect(window, name, mean_of(parts)) for name, parts in grouped.items() if parts}


def _pair(described: Mapping[str, Any], codes: np.ndarray, kept: Mapping[str, Any], feature: str) -> Paired | None:
    before = np.array(kept["features"].get(feature, []), dtype=np.int64)
    now = np.bincount(codes, minlength=histograms.width_of(described))
    if before.shape != now.shape:
        return None
    return Paired(before, now, int(before.sum()), int(now.sum()))


def _varies(pair: Paired) -> bool:
    """Whether two bins have rows; the column by which rows are sliced has one."""
    return int(((pair.before + pair.now) > 0).sum()) > 1


def _with_effect(window: Window, name: str, found: Divergence) -> Divergence:
    whole = window.drifts.features.get(name)
    effect = max(1.0, whole.effect) if whole else 1.0
    return found._replace(chance=found.chance.times(effect), effect=effect)


def _figures(window: Window, drifts: Drifts, rows: np.ndarray, level: float) -> list[Figure]:
    scope, n, limit = window.scope, len(rows), window.spec.monitoring.drift_threshold
    psi = [
        scope.figure("psi", one.psi, name, n, one.floor_at(level)).model_copy(
            update={"effective_n": max(1, round(n / one.effect))}
        )
        for name, one in drifts.items()
    ]
    drifted = [figure.subject for figure in psi if figure.beyond(limit)]
    counted = scope.figure("drifted_features", len(drifted), n=n, note=", ".join(drifted))
    return too_few([*psi, counted], lack(window.asked_blocks.of(rows)))
