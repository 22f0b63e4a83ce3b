"""The paired bootstrap of two models' AUC against the plain one: draw rows, sort, rank, repeat."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from include.evaluation.bootstrap import paired

ROWS, RESAMPLES = 28_000, 300


def _area(y: np.ndarray, p: np.ndarray) -> float:
    """Mann-Whitney by ranks; no ties in this bench's scores but those of rows drawn twice."""
    ordered = y[np.argsort(p)]
    positives = ordered.sum()
    return float((np.flatnonzero(ordered) + 1).sum() - positives * (positives + 1) / 2) / (positives * (~ordered).sum())


def _plain(y: np.ndarray, first: np.ndarray, second: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    draws = (random.integers(0, len(y), len(y)) for _ in range(RESAMPLES))
    return np.quantile([_area(y[d], second[d]) - _area(y[d], first[d]) for d in draws], [0.025, 0.975])


def _ours(y: np.ndarray, first: np.ndarray, second: np.ndarray, seed: int) -> np.ndarray:
    gain = paired(y, {"first": first, "second": second}, ["roc_auc"], RESAMPLES, seed=seed)
    interval = gain.gain("roc_auc", "second", "first")
    return np.array([interval.low, interval.high])


def _seconds(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    begun = time.perf_counter()
    answer = work()
    return time.perf_counter() - begun, answer


def bench(repeats: int = 3) -> dict[str, Any]:
    random = np.random.default_rng(0)
    y = random.random(ROWS) < 0.25
    first, second = (1 / (1 + np.exp(-(skill * y + random.normal(size=ROWS)))) for skill in (0.8, 0.9))
    samples = []
    for seed in range(repeats):
        ours, found = _seconds(lambda seed=seed: _ours(y, first, second, seed))
        plain, expected = _seconds(lambda seed=seed: _plain(y, first, second, seed))
        # repeated rows tie with themselves, which the plain version breaks at random: equal to that
        np.testing.assert_allclose(found, expected, atol=1e-3)
        samples.append((ours, plain))
    return {
        "name": "bootstrap",
        "what": f"95 % interval of a difference in AUC, {RESAMPLES} paired resamples",
        "ours": statistics.median(s[0] for s in samples),
        "against": {"numpy": statistics.median(s[1] for s in samples)},
        "unit": "s",
        "n": ROWS,
        "samples": samples,
    }
