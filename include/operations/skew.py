"""Features that were served with other values than the offline store has."""

import numpy as np
import pandas as pd
from scipy.special import bdtrc

from include.contracts.operations import Figure
from include.contracts.spelling import as_known, as_text
from include.evaluation.divergence import CHANCE
from include.operations import drift
from include.operations.scope import Scope

SKEWED_SHARE = 0.02
"""Of the rows: what answers between an event and the next run of the data pipeline may differ by."""


def figures(scope: Scope, rows: pd.DataFrame, offline: pd.DataFrame | None) -> list[Figure]:
    """``feature_skew``: the share of rows (n,) with another value than ``offline`` has for the event, by feature.

    Its floor is the share that ``SKEWED_SHARE`` reaches by chance, once in a thousand.
    """
    if offline is None:
        return []
    spec, shared = scope.spec, {f.name: f.kind for f in scope.spec.features if f.name in offline}
    columns = [spec.event.id, *shared]
    both = rows[columns].merge(offline[columns], on=spec.event.id, suffixes=("", ":offline"))
    skewed = {n: _differs(both[n], both[f"{n}:offline"], kind) for n, kind in shared.items()}
    grouped = {name: [skewed[c] for c in parts if c in skewed] for name, parts in drift.columns_by_input(spec).items()}
    floor = _floor(len(both))
    return [
        scope.figure("feature_skew", np.any(parts, axis=0).mean(), name, len(both), floor)
        for name, parts in grouped.items()
        if parts and len(both)
    ]


def _differs(served: pd.Series, stored: pd.Series, kind: str) -> np.ndarray:
    if kind != "numeric":
        text = as_text(stored).fillna("")
        return (as_known(served, text).fillna("") != text).to_numpy()
    # float32 on the way through the model server is no skew
    a, b = (pd.to_numeric(s, errors="coerce").to_numpy(dtype=float) for s in (served, stored))
    return ~np.isclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


def _floor(n: int) -> float:
    """The share of n rows that is exceeded with the probability ``CHANCE`` at most."""
    reached = np.arange(n + 1)
    return float(reached[bdtrc(reached, n, SKEWED_SHARE) <= CHANCE][0] / n) if n else 0.0
