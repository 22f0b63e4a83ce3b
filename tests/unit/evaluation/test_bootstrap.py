import numpy as np
import pytest

from include.errors import UndefinedMetricError
from include.evaluation import bootstrap
from include.evaluation.bootstrap import paired
from include.evaluation.metrics import DIRECTION, score
from tests.unit.evaluation.judged_rows import judged, metrics_of


def labelled(n: int, seed: int = 0, skill: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = random.random(n) < 0.3
    return y, 1 / (1 + np.exp(-(skill * y + random.normal(size=n) - 1)))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_resample_is_the_metric_on_the_drawn_rows(task: str) -> None:
    y, p = judged(task, 80)
    drawn = paired(y, {"model": p}, metrics_of(task), resamples=5, seed=3)
    random = np.random.default_rng(3)
    for i in range(5):
        rows = random.integers(0, 80, 80)
        for metric in metrics_of(task):
            assert drawn.draws[metric, "model"][i] == pytest.approx(score(metric, y[rows], p[rows]), abs=1e-9)


def test_a_clustering_stays_that_of_all_rows() -> None:
    space, p = judged("clustering", 200)
    some = np.flatnonzero(p.argmax(axis=1) == 0)
    whole = paired(space, {"m": p}, ["silhouette"], 100)
    slice_of_one_cluster = paired(space, {"m": p}, ["silhouette"], 100, rows=some)
    assert whole.points["silhouette", "m"] == pytest.approx(score("silhouette", space, p))
    assert slice_of_one_cluster.n == len(some)
    assert slice_of_one_cluster.interval("silhouette", "m").low > 0


def test_a_slice_draws_its_own_rows_only() -> None:
    y, p = judged("regression", 300)
    rows = np.arange(100)
    of_slice, alone = (
        drawn.interval("mae", "m")
        for drawn in (
            paired(y, {"m": p}, ["mae"], 100, rows=rows),
            paired(y[:100], {"m": p[:100]}, ["mae"], 100),
        )
    )
    assert of_slice == alone


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


@pytest.mark.parametrize("metric", DIRECTION)
def test_gain_is_positive_for_the_better_model_in_every_metric(metric: str) -> None:
    task = next(t for t in ("binary", "multiclass", "regression", "clustering") if metric in metrics_of(t))
    y, good = judged(task, 1000)
    bad = np.random.default_rng(1).permutation(good)
    drawn = paired(y, {"good": good, "bad": bad}, [metric], resamples=100)
    assert drawn.gain(metric, "good", "bad").low > 0


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
    with pytest.raises(UndefinedMetricError, match="too few rows of a class"):
        paired(y, {"m": np.linspace(0, 1, 50)}, ["roc_auc"], resamples=200).interval("roc_auc", "m")


def test_labels_without_variance_in_many_resamples_have_no_r2() -> None:
    y = np.zeros(40)
    y[0] = 1.0
    drawn = paired(y, {"m": y + 0.1}, ["r2", "mae"], resamples=300)
    with pytest.raises(UndefinedMetricError, match=r"r2: only .* of 300 resamples define it"):
        drawn.interval("r2", "m")
    assert drawn.interval("mae", "m").value == pytest.approx(0.1)


def test_an_undefined_metric_names_the_model() -> None:
    with pytest.raises(UndefinedMetricError, match=r"r2 of candidate is undefined: all 9 labels are 2\.0"):
        paired(np.full(9, 2.0), {"candidate": np.arange(9.0)}, ["r2"])
