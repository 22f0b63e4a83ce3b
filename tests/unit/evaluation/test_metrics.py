import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from include.errors import EvaluationError
from include.evaluation.metrics import DIRECTION, calibration_error, direction, score

Y = np.array([0, 0, 1, 1, 0, 1])
P = np.array([0.1, 0.4, 0.4, 0.9, 0.2, 0.8])


def test_metrics_are_those_of_scikit_learn() -> None:
    assert score("roc_auc", Y, P) == pytest.approx(sk.roc_auc_score(Y, P))
    assert score("average_precision", Y, P) == pytest.approx(sk.average_precision_score(Y, P))
    assert score("brier", Y, P) == pytest.approx(np.mean((P - Y) ** 2))
    assert score("log_loss", Y, P) == pytest.approx(sk.log_loss(Y, P))


def test_a_sure_and_wrong_answer_has_a_finite_log_loss() -> None:
    assert 10 < score("log_loss", [1, 0], [0.0, 1.0]) < 40


@pytest.mark.parametrize("metric", DIRECTION)
def test_the_direction_says_what_is_better(metric: str) -> None:
    gain = score(metric, Y, np.where(Y, 0.9, 0.1)) - score(metric, Y, np.where(Y, 0.4, 0.6))
    assert gain * direction(metric) > 0


@pytest.mark.parametrize(
    ("y", "p", "words"),
    [
        ([1, 1], [0.2, 0.3], "all 2 labels are 1"),
        ([0, 1], [0.2], r"\(1,\) probabilities for \(2,\) labels"),
        ([0, 1], [0.2, float("nan")], "1 of 2 probabilities are not in"),
        ([0, 1], [0.2, 1.5], "the first is 1.5 at row 1"),
        ([0, 2], [0.2, 0.3], "labels must be 0 or 1"),
        ([], [], "at least one"),
    ],
)
def test_unusable_input_is_named(y: list, p: list, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        score("roc_auc", y, p)


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
