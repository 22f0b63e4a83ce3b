"""Bootstrap and metrics against plain NumPy; and the bootstrap at the size of a real evaluation."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import paired
from include.evaluation.metrics import score

ROWS, RESAMPLES = 28_000, 300
LARGE_ROWS, LARGE_RESAMPLES, MODELS, BLOCK_RESAMPLES = 30_000, 2_000, 4, 1_000


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


def bench() -> list[dict[str, Any]]:
    return [_bootstrap(), _metrics(), _large(), *_by_blocks()]


def _models(rows: int, count: int) -> tuple[np.ndarray, list[np.ndarray]]:
    random = np.random.default_rng(0)
    y = random.random(rows) < 0.25
    skills = 0.8 + 0.1 * np.arange(count)
    return y, [1 / (1 + np.exp(-(skill * y + random.normal(size=rows)))) for skill in skills]


def _metrics(repeats: int = 9) -> dict[str, Any]:
    """Each metric once, as the cells of an evaluation have them, by scikit-learn with our checks."""
    y, (p,) = _models(ROWS, 1)
    plain: dict[str, Callable[[], float]] = {
        "roc_auc": lambda: _area(y, p),
        "brier": lambda: float(np.mean((p - y) ** 2)),
        "log_loss": lambda: float(-np.mean(np.log(np.where(y, p, 1 - p)))),
        "accuracy": lambda: float(np.mean((p >= 0.5) == y)),
    }
    for metric, own in plain.items():
        np.testing.assert_allclose(score(metric, y, p), own(), rtol=1e-6)
    samples = [
        (
            _seconds(lambda: np.array([score(metric, y, p) for metric in plain]))[0],
            _seconds(lambda: np.array([own() for own in plain.values()]))[0],
        )
        for _ in range(repeats)
    ]
    return {
        "name": "metrics",
        "what": f"{', '.join(plain)} of one model, once",
        "ours": statistics.median(s[0] for s in samples),
        "against": {"numpy": statistics.median(s[1] for s in samples)},
        "unit": "s",
        "n": ROWS,
        "samples": samples,
    }


def _large() -> dict[str, Any]:
    y, models = _models(LARGE_ROWS, MODELS)
    named = {str(number): p for number, p in enumerate(models)}
    seconds, _ = _seconds(lambda: paired(y, named, ["roc_auc", "brier"], LARGE_RESAMPLES).draws["roc_auc", "0"])
    return {
        "name": "bootstrap_large",
        "what": f"AUC and Brier score of {MODELS} models, {LARGE_RESAMPLES} paired resamples",
        "ours": seconds,
        "against": {},
        "unit": "s",
        "n": LARGE_ROWS,
        "samples": [seconds],
    }


def _by_blocks(repeats: int = 3) -> list[dict[str, Any]]:
    """As an evaluation draws them, against the same by rows in the same run: at most twice the time is the bound."""
    y, models = _models(LARGE_ROWS, 2)
    named = {str(number): p for number, p in enumerate(models)}

    def drawn(blocks: Blocks | None) -> np.ndarray:
        return paired(y, named, ["roc_auc", "brier", "log_loss"], BLOCK_RESAMPLES, blocks=blocks).draws["roc_auc", "0"]

    measured = []
    for unit, count in {"day": 30, "hour": 720}.items():
        blocks = Blocks(unit, np.arange(LARGE_ROWS) * count // LARGE_ROWS, count)
        samples = [(_seconds(partial(drawn, blocks))[0], _seconds(partial(drawn, None))[0]) for _ in range(repeats)]
        measured.append(
            {
                "name": f"bootstrap_by_{unit}",
                "what": f"three metrics of two models, {BLOCK_RESAMPLES} resamples of {count} blocks of one {unit}",
                "ours": statistics.median(s[0] for s in samples),
                "against": {"by_rows": statistics.median(s[1] for s in samples)},
                "unit": "s",
                "n": LARGE_ROWS,
                "samples": samples,
            }
        )
    return measured


def _bootstrap(repeats: int = 3) -> dict[str, Any]:
    y, (first, second) = _models(ROWS, 2)
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
