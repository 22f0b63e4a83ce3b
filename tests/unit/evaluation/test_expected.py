"""Expected metrics against brute force: labels drawn many times by the same probabilities."""

import numpy as np
import pytest

from include.errors import UndefinedMetricError
from include.evaluation.expected import METRICS, expected
from include.evaluation.metrics import FUNCTIONS
from include.specification.task import TASKS

ROWS, DRAWS = 200, 1500


def world(classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Answers with ties that are not the probabilities of the labels, and those probabilities."""
    random = np.random.default_rng(seed)
    chances = random.dirichlet([2.0, 1.0, 1.0][:classes], ROWS)
    answers = np.round(np.clip(chances + random.normal(0, 0.1, chances.shape), 0.05, None), 1) + 0.01
    answers /= answers.sum(axis=1, keepdims=True)
    return (answers, chances) if classes > 2 else (answers[:, 1], chances[:, 1])


def drawn(chances: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if chances.ndim == 1:
        return random.random(len(chances)) < chances
    return (random.random(len(chances))[:, None] > np.cumsum(chances, axis=1)).sum(axis=1)


CASES = [(name, 2) for name in TASKS["binary"].metrics] + [(name, 3) for name in TASKS["multiclass"].metrics]


@pytest.mark.parametrize(("metric", "classes"), CASES)
def test_value_and_scatter_are_those_of_labels_that_are_drawn(metric: str, classes: int) -> None:
    answers, chances = world(classes)
    random = np.random.default_rng(1)
    simulated = np.array([FUNCTIONS[metric](drawn(chances, random), answers) for _ in range(DRAWS)])
    found = expected(metric, answers, chances)
    of_ratio = 1 / ROWS  # expectation of a ratio against ratio of expectations
    assert found.value == pytest.approx(simulated.mean(), abs=4 * simulated.std() / DRAWS**0.5 + of_ratio)
    assert np.sqrt(found.labels) == pytest.approx(simulated.std(), rel=0.1)


@pytest.mark.parametrize(("metric", "classes"), CASES)
def test_what_a_row_moves_is_what_the_metric_does_when_the_row_weighs_more(metric: str, classes: int) -> None:
    """Against the same rows with one of them twice."""
    answers, chances = world(classes)
    found = expected(metric, answers, chances)
    for row in (0, 7, 101):
        twice = np.append(np.arange(ROWS), row)
        moved = expected(metric, answers[twice], chances[twice]).value - found.value
        assert found.rows[row] == pytest.approx(moved, abs=2e-4)
    assert found.rows.sum() == pytest.approx(0, abs=1e-9)


def test_blocks_that_are_alike_scatter_as_their_rows_and_blocks_that_differ_more() -> None:
    answers, chances = world(2)
    found = expected("brier", answers, chances)
    rows, mixed = np.arange(ROWS), np.arange(ROWS) % 20
    sorted_blocks = np.argsort(np.argsort(found.rows)) // 10
    assert found.variance(rows, ROWS) == pytest.approx(np.var(found.rows * ROWS, ddof=1) / ROWS)
    assert found.variance(sorted_blocks, 20) > 5 * found.variance(rows, ROWS)
    assert found.variance(mixed, 20) < 2 * found.variance(rows, ROWS)
    assert found.variance(np.zeros(ROWS, dtype=int), 1) == 0


def test_constant_answers_rank_nothing_and_have_no_scatter() -> None:
    constant = np.full(50, 0.3)
    area = expected("roc_auc", constant, constant)
    assert (area.value, area.labels) == (pytest.approx(0.5), pytest.approx(0.0, abs=1e-12))
    assert expected("average_precision", constant, constant).value == pytest.approx(0.3 + 0.7 / 50)
    assert expected("accuracy", constant, constant).value == pytest.approx(0.7)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_probabilities_that_rule_a_class_out_rank_nothing(metric: str) -> None:
    with pytest.raises(UndefinedMetricError, match=f"{metric} cannot be expected: the probabilities of 30 rows rule"):
        expected(metric, np.linspace(0, 1, 30), np.zeros(30))
    nothing_seen = np.column_stack([np.linspace(0, 1, 30), np.linspace(1, 0, 30), np.zeros(30)])
    with pytest.raises(UndefinedMetricError):
        expected("roc_auc_ovr", nothing_seen, nothing_seen)


def test_every_metric_is_finite_for_sure_answers() -> None:
    sure = np.tile([0.0, 1.0], 20)
    assert all(np.isfinite(expected(metric, sure, np.full(40, 0.4)).value) for metric in TASKS["binary"].metrics)
    assert {*METRICS} == {*TASKS["binary"].metrics, *TASKS["multiclass"].metrics}
