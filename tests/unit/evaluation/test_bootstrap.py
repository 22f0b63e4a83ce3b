import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import EvaluationError
from include.evaluation import bootstrap
from include.evaluation.bootstrap import paired
from include.evaluation.metrics import DIRECTION, score


def labelled(n: int, seed: int = 0, skill: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = random.random(n) < 0.3
    return y, 1 / (1 + np.exp(-(skill * y + random.normal(size=n) - 1)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3))
def test_a_resample_is_the_metric_on_the_drawn_rows_ties_included(seed: int, digits: int) -> None:
    y, p = labelled(80, seed)
    p = np.round(p, digits)
    if y.all() or not y.any():
        return
    drawn = paired(y, {"model": p}, list(DIRECTION), resamples=5, seed=seed)
    random = np.random.default_rng(seed)
    for i in range(5):
        rows = random.integers(0, 80, 80)
        if y[rows].all() or not y[rows].any():
            continue
        for metric in DIRECTION:
            assert drawn.draws[metric, "model"][i] == pytest.approx(score(metric, y[rows], p[rows]), abs=1e-6)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    y, p = labelled(300)
    whole = paired(y, {"m": p}, ["roc_auc"], resamples=50, seed=7)
    monkeypatch.setattr(bootstrap, "CHUNK_CELLS", 900)
    np.testing.assert_array_equal(
        whole.draws["roc_auc", "m"], paired(y, {"m": p}, ["roc_auc"], 50, seed=7).draws["roc_auc", "m"]
    )


def test_a_model_against_itself_gains_exactly_nothing() -> None:
    y, p = labelled(400)
    gain = paired(y, {"a": p, "b": p.copy()}, ["roc_auc"]).gain("roc_auc", "a", "b")
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    y, p = labelled(2000)
    q = np.clip(p + np.random.default_rng(1).normal(scale=0.05, size=2000), 0, 1)
    both, other = paired(y, {"p": p, "q": q}, ["roc_auc"], seed=1), paired(y, {"q": q}, ["roc_auc"], seed=2)
    together, apart = both.gain("roc_auc", "p", "q"), both.gain("roc_auc", "p", "q", other=other)
    assert together.high - together.low < 0.5 * (apart.high - apart.low)


def test_gain_is_positive_for_the_better_model_in_every_metric() -> None:
    y, worse = labelled(2000, skill=0.2)
    drawn = paired(y, {"good": np.where(y, 0.9, 0.1), "bad": worse}, list(DIRECTION), resamples=100)
    assert all(drawn.gain(metric, "good", "bad").low > 0 for metric in DIRECTION)


def test_width_agrees_with_the_standard_error_of_hanley_and_mcneil() -> None:
    y, p = labelled(4000)
    area, m, n = score("roc_auc", y, p), int(y.sum()), int((~y).sum())
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = np.sqrt((area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (m * n))
    interval = paired(y, {"m": p}, ["roc_auc"]).interval("roc_auc", "m")
    assert (interval.high - interval.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.12)


def test_too_few_rows_of_one_class_is_said() -> None:
    y = np.zeros(50, dtype=bool)
    y[0] = True
    with pytest.raises(EvaluationError, match="too few rows of one class"):
        paired(y, {"m": np.linspace(0, 1, 50)}, ["roc_auc"], resamples=200).interval("roc_auc", "m")
