"""Features that were served with other values than the offline store has."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import bdtrc

from include.contracts.operations import Figure
from include.contracts.spelling import as_known, as_text
from include.evaluation import histograms
from include.evaluation.divergence import CHANCE
from include.operations.drift import drift
from include.operations.drift.limits import SKEWED_SHARE
from include.operations.windows.window import Window
from include.specification.usecase import UseCase

SHARE_OF_SPREAD = 1e-3
FLOAT32_STEP, FLOAT64_STEPS = 2.0**-23, 2.0**-50  # relative; sums in another order differ by some steps of float64


def figures(window: Window) -> list[Figure]:
    """``feature_skew``: the share of answers (n,) with another value than ``offline`` has for the event, by feature.

    The spread that the release's baseline describes decides which number is another one. The floor of a figure is
    the share that ``SKEWED_SHARE`` reaches by chance, once in a thousand.
    """
    scope, baseline, rows, offline = window.scope, window.baseline, window.asked, window.offline
    if offline is None:
        return []
    spec, shared = scope.spec, {f.name: f.kind for f in scope.spec.features if f.name in offline}
    columns = [spec.event.id, *shared]
    both = rows[columns].merge(offline[columns], on=spec.event.id, suffixes=("", ":offline"))
    skewed = {}
    for name, kind in shared.items():
        tolerance = _tolerance(spec, name, baseline["features"].get(name, {}))
        skewed[name] = _differs(both[name], both[f"{name}:offline"], kind, tolerance)
    grouped = {name: [skewed[c] for c in parts if c in skewed] for name, parts in drift.columns_by_input(spec).items()}
    floor = _floor(len(both))
    return [
        scope.figure("feature_skew", np.any(parts, axis=0).mean(), name, len(both), floor)
        for name, parts in grouped.items()
        if parts and len(both)
    ]


class _Tolerance(NamedTuple):
    """What is no skew of a number: ``most``, and what float32 rounds of its distance to ``centre``."""

    centre: float
    most: float


def _tolerance(spec: UseCase, name: str, described: Mapping[str, Any]) -> _Tolerance:
    """Of a feature whose numbers the release's baseline ``described``; those of a ``float`` are rounded as sent."""
    middle, spread = histograms.middle(described)
    return _Tolerance(0.0 if name in spec.float32_features else middle, SHARE_OF_SPREAD * spread)


def _differs(served: pd.Series, stored: pd.Series, kind: str, tolerance: _Tolerance) -> np.ndarray:
    if kind != "numeric":
        text = as_text(stored).fillna("")
        return (as_known(served, text).fillna("") != text).to_numpy()
    a, b = (pd.to_numeric(s, errors="coerce").to_numpy(dtype=float) for s in (served, stored))
    size, varying = np.abs(b), np.abs(b - tolerance.centre)
    rounded = np.maximum(FLOAT32_STEP * varying, FLOAT64_STEPS * size)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        near = np.abs(a - b) <= np.maximum(rounded, np.minimum(1e-6 + 1e-5 * size, tolerance.most))
    near |= a == b
    return ~(near | np.isnan(a) & np.isnan(b))


def _floor(n: int) -> float:
    """The share of n rows that is exceeded with the probability ``CHANCE`` at most."""
    reached = np.arange(n + 1)
    return float(reached[bdtrc(reached, n, SKEWED_SHARE) <= CHANCE][0] / n) if n else 0.0
