import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from include.errors import EvaluationError, UndefinedMetricError
from include.evaluation.metrics import DIRECTION, calibration_error, direction, score
from tests.unit.evaluation.judged_rows import judged, metrics_of

Y = np.array([0, 0, 1, 1, 0, 1])
P = np.array([0.1, 0.4, 0.4, 0.9, 0.2, 0.8])


def test_metrics_are_those_of_scikit_learn() -> None:
    assert score("roc_auc", Y, P) == pytest.approx(sk.roc_auc_score(Y, P))
    assert score("average_precision", Y, P) == pytest.approx(sk.average_precision_score(Y, P))
    assert score("brier", Y, P) == pytest.approx(np.mean((P - Y) ** 2))
    assert score("log_loss", Y, P) == pytest.approx(sk.log_loss(Y, P))


def test_a_sure_and_wrong_answer_has_a_finite_log_loss() -> None:
    assert 10 < score("log_loss", [1, 0], [0.0, 1.0]) < 40


def test_metrics_of_classes_are_those_of_scikit_learn() -> None:
    y, p = judged("multiclass", 200)
    said = p.argmax(axis=1)
    assert score("accuracy", y, p) == pytest.approx(sk.accuracy_score(y, said))
    assert score("f1_macro", y, p) == pytest.approx(sk.f1_score(y, said, average="macro"))
    assert score("roc_auc_ovr", y, p) == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"))
    assert score("log_loss", y, p) == pytest.approx(sk.log_loss(y, p))
    assert score("brier", y, p) == pytest.approx(((p - np.eye(3)[y]) ** 2).sum(axis=1).mean())


def test_metrics_of_numbers_are_those_of_scikit_learn() -> None:
    y, p = judged("regression", 200)
    assert score("rmse", y, p) == pytest.approx(sk.mean_squared_error(y, p) ** 0.5)
    assert score("median_absolute_error", y, p) == pytest.approx(np.median(np.abs(y - p)))


def test_separate_clusters_have_a_high_silhouette_and_one_cluster_has_none() -> None:
    space, p = judged("clustering", 200)
    assert score("silhouette", space, p) > 0.6
    assert score("silhouette", space, np.random.default_rng(0).permutation(p)) < 0.2
    with pytest.raises(UndefinedMetricError, match="all 200 rows are in one cluster"):
        score("silhouette", space, np.eye(3)[np.zeros(200, dtype=int)])


@pytest.mark.parametrize("metric", DIRECTION)
def test_the_direction_says_what_is_better(metric: str) -> None:
    task = next(t for t in ("binary", "multiclass", "regression", "clustering") if metric in metrics_of(t))
    y, good = judged(task, 300)
    gain = score(metric, y, good) - score(metric, y, np.random.default_rng(1).permutation(good))
    assert gain * direction(metric) > 0


@pytest.mark.parametrize(
    ("y", "p", "words"),
    [
        ([1, 1], [0.2, 0.3], "roc_auc of the model is undefined: all 2 labels are 1"),
        ([0, 1], [0.2], r"\(1,\) scores for \(2,\) labels"),
        ([0, 1], [0.2, float("nan")], "1 of 2 scores are not numbers"),
        ([0, 1], [0.2, 1.5], "the first is 1.5 at row 1"),
        ([0, 2], [0.2, 0.3], "labels must be 0 … 1, got 1 other"),
        ([], [], "at least one"),
    ],
)
def test_unusable_input_is_named(y: list, p: list, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        score("roc_auc", y, p)


@pytest.mark.parametrize(
    ("metric", "y", "p", "words"),
    [
        ("accuracy", [0, 5], [[0.2, 0.3, 0.5]] * 2, "labels must be 0 … 2, got 1 other"),
        ("mae", [0.0, float("nan")], [0.2, 0.3], "needs one finite label and one value per row"),
        ("mae", [0.0, 1.0], [[0.2, 0.3]] * 2, "needs one finite label and one value per row"),
        ("silhouette", [0.0, 1.0], [[0.2, 0.3]] * 2, r"judged in a space \(n, d\)"),
        ("r2", [1.0, 1.0], [0.2, 0.3], "r2 of the model is undefined: all 2 labels are 1.0"),
    ],
)
def test_unusable_input_of_other_tasks_is_named(metric: str, y: list, p: list, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        score(metric, y, p)


def test_an_unknown_metric_is_refused_with_the_known_ones() -> None:
    with pytest.raises(EvaluationError, match="'f1'; known: roc_auc"):
        score("f1", Y, P)


def test_one_class_still_has_a_brier_score() -> None:
    assert score("brier", [1, 1], [1.0, 1.0]) == 0


def test_calibration_error_of_known_distributions() -> None:
    p = np.repeat([0.2, 0.8], 500)
    y = np.concatenate([np.arange(500) < 100, np.arange(500) < 400]).astype(int)
    assert calibration_error(y, p) == pytest.approx(0)
    assert calibration_error(1 - y, p) == pytest.approx(0.6)
    assert calibration_error(y, np.full(1000, 0.7)) == pytest.approx(0.2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_calibration_error_is_at_least_the_gap_of_the_means_and_at_most_one(rows: list[tuple[bool, float]]) -> None:
    y, p = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    assert abs(y.mean() - p.mean()) - 1e-9 <= calibration_error(y, p) <= 1
