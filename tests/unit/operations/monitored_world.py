"""A small month of predictions with known properties."""

from typing import Any

import numpy as np
import pandas as pd

from include.contracts.evaluation import Interval
from include.operations.drift import drift
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec()


def month(seed: int, n: int = 2000, skill: float = 1.0, shift: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(prediction log, ground truth) of release r0001; ``shift`` moves the feature x."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n) + shift
    late = (random.random(n) < 1 / (1 + np.exp(-(skill * 1.5 * (x - shift) - 1)))).astype(int)
    probability = 1 / (1 + np.exp(-(1.5 * (x - shift) - 1)))
    ids = [f"{seed}-{i}" for i in range(n)]
    log = pd.DataFrame(
        {
            "request_id": [f"r{i}" for i in ids], "flight_id": ids, "release": "r0001", "probability": probability,
            "logged_at": pd.date_range("2013-06-01", periods=n, freq="min", tz="UTC"), "latency_ms": np.arange(n) / 100,
            "x": x, "origin": random.choice(["JFK", "LGA"], n),
        }
    )  # fmt: skip
    return log, pd.DataFrame({"flight_id": ids, "late": late})


def baseline(auc: float = 0.8) -> dict[str, Any]:
    log, truth = month(0, n=5000)
    interval = Interval(value=auc, low=auc - 0.01, high=auc + 0.01, n=5000)
    return drift.baseline(SPEC, log.assign(late=truth["late"]), log["probability"].to_numpy(), {"roc_auc": interval})
