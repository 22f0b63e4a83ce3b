"""PSI of every feature of a month against the release's baseline; the peer bins both samples anew each time."""

import statistics
import time
from typing import Any

import numpy as np
import pandas as pd

from include.operations.drift import drift
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

ROWS = 300_000


def _month(spec: UseCase, seed: int, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    columns = {}
    for feature in spec.features:
        if feature.kind == "categorical":
            columns[feature.name] = random.choice([f"c{i}" for i in range(40)], ROWS)
        else:
            columns[feature.name] = random.normal(size=ROWS) + shift
    return pd.DataFrame(columns)


def _plain(spec: UseCase, reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    found = {}
    for feature in spec.features:
        old, new = reference[feature.name], current[feature.name]
        if feature.kind == "categorical":
            names = sorted(set(old) | set(new))
            pair = [s.value_counts().reindex(names, fill_value=0).to_numpy() for s in (old, new)]
        else:
            edges = np.quantile(old, np.linspace(0, 1, 11))
            edges[[0, -1]] = -np.inf, np.inf
            pair = [np.histogram(s, edges)[0] for s in (old, new)]
        p, q = ((c + 0.5) / (c + 0.5).sum() for c in pair)
        found[feature.name] = float(((q - p) * np.log(q / p)).sum())
    return found


def bench(repeats: int = 3) -> dict[str, Any]:
    content = load_usecase("flight_delay").model_dump(by_alias=True)
    for feature in content["features"]:
        feature["bins"] = None
    spec = UseCase.model_validate(content)
    reference, samples = _month(spec, 0), []
    described = drift.baseline(spec, reference, np.full(ROWS, 0.2), {})
    for seed in range(1, repeats + 1):
        current, begun = _month(spec, seed, shift=0.5), time.perf_counter()
        found = drift.feature_drift(spec, described, current)
        middle = time.perf_counter()
        expected = _plain(spec, reference, current)
        samples.append((middle - begun, time.perf_counter() - middle))
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][0], value, atol=2e-3)
    return {
        "name": "drift",
        "what": f"PSI and JS of {len(spec.features)} features of one month against a stored baseline",
        "ours": statistics.median(s[0] for s in samples),
        "against": {"numpy": statistics.median(s[1] for s in samples)},
        "unit": "s",
        "n": ROWS,
        "samples": samples,
    }
