"""A metric, and a weighted one with explicit multiplicities, is scikit-learn's on the repeated rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import UndefinedMetricError
from include.evaluation.metrics import checked, kind_of, require_defined, score
from include.evaluation.weighted import WEIGHTED, mean
from tests.unit.evaluation.judged_rows import SKLEARN, judged, metrics_of

CASES = [(task, m) for task in ("binary", "multiclass", "regression") for m in metrics_of(task)]
ROWS = 30


def repeated(metric: str, y: np.ndarray, p: np.ndarray, counts: np.ndarray) -> float:
    rows = np.repeat(np.arange(len(y)), counts)
    try:
        require_defined(metric, *checked(y[rows], p[rows], kind=kind_of(metric)))
    except UndefinedMetricError:
        return float("nan")
    found = SKLEARN[metric](y[rows], p[rows])
    assert score(metric, y[rows], p[rows]) == pytest.approx(found, rel=1e-6, abs=1e-6)  # clipping
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("task", "metric"), CASES)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    digits=st.integers(1, 3),
    counts=st.lists(st.lists(st.integers(0, 3), min_size=ROWS, max_size=ROWS).filter(any), min_size=1, max_size=3),
)
def test_it_is_the_metric_of_the_repeated_rows(
    task: str, metric: str, seed: int, digits: int, counts: list[list[int]]
) -> None:
    y, p = judged(task, ROWS, seed, digits)
    found = WEIGHTED[metric](y, p)(np.array(counts, dtype=np.float64))
    expected = [repeated(metric, y, p, np.array(row)) for row in counts]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("metric", "alone"), [("roc_auc", 1), ("r2", 3), ("roc_auc_ovr", 1)])
def test_where_it_is_undefined_there_is_no_number(metric: str, alone: int) -> None:
    task = next(t for t, m in CASES if m == metric)
    y, p = judged(task, ROWS)
    counts = np.zeros((1, ROWS))
    counts[0, 0] = alone
    assert np.isnan(WEIGHTED[metric](y, p)(counts)).all()


def test_labels_far_from_zero_keep_their_variance() -> None:
    y, p = judged("regression", ROWS)
    once = np.ones((1, ROWS))
    assert WEIGHTED["r2"](y + 1e6, p + 1e6)(once) == pytest.approx(WEIGHTED["r2"](y, p)(once), rel=1e-4)


def test_a_silhouette_is_the_mean_of_the_rows_drawn() -> None:
    space, p = judged("clustering", ROWS)
    assert WEIGHTED["silhouette"](space, p)(np.ones((1, ROWS)))[0] == pytest.approx(score("silhouette", space, p))
    np.testing.assert_allclose(mean(np.array([1.0, 4.0]))(np.array([[1.0, 2.0], [3.0, 0.0]])), [3.0, 1.0])
