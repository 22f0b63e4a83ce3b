"""Errors of numbers that are estimated without labels."""

import json

import numpy as np
import pandas as pd
import pytest

from include.evaluation.direct_loss import LossTree, loss_tree
from include.evaluation.metrics import score

N = 3000


def world(seed: int, high: float = 1.0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows, answers and truth; errors grow with x, which lies between 0 and ``high``; some x are missing."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, high, N)
    answers = random.normal(10, 2, N)
    truth = answers + random.normal(0, 0.5 + 3 * x)
    seen = np.where(random.random(N) < 0.05, np.nan, x)
    return pd.DataFrame({"x": seen, "z": random.normal(size=N)}), answers, truth


FITTED = loss_tree(world(0)[0], ["x", "z"], *world(0)[1:])


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_the_error_of_easier_and_of_equal_rows_is_estimated(metric: str) -> None:
    for high in (1.0, 0.3):
        frame, answers, truth = world(1, high)
        found, measured = FITTED.expected(metric, frame, answers), score(metric, truth, answers)
        assert found.value == pytest.approx(measured, abs=4 * np.sqrt(found.labels) + 0.05)
    easy, usual = (FITTED.expected(metric, *world(1, high)[:2]).value for high in (0.3, 1.0))
    assert easy < 0.7 * usual


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_the_scatter_is_that_of_new_labels_and_rows(metric: str) -> None:
    measured = [score(metric, truth, answers) for _, answers, truth in (world(seed) for seed in range(2, 202))]
    found = FITTED.expected(metric, *world(1)[:2])
    scatter = np.sqrt(found.labels + found.variance(np.arange(N), N))
    assert scatter == pytest.approx(np.std(measured), rel=0.2)


def test_it_is_kept_as_plain_numbers_and_answers_the_same() -> None:
    again = LossTree.model_validate(json.loads(json.dumps(FITTED.json_dict())))
    frame, answers, _ = world(1)
    assert again.expected("mae", frame, answers).value == FITTED.expected("mae", frame, answers).value
    assert len(FITTED.feature) < 32


def test_missing_and_infinite_values_have_an_answer() -> None:
    frame, answers, _ = world(1)
    for value in (np.nan, np.inf, -np.inf):
        assert np.isfinite(FITTED.expected("rmse", frame.assign(x=value), answers).value)


def test_answers_that_are_always_right_have_no_error() -> None:
    frame, answers, _ = world(0)
    exact = loss_tree(frame, ["x"], answers, answers)
    assert [exact.expected(metric, frame, answers).value for metric in ("mae", "rmse")] == [0.0, 0.0]


@pytest.mark.parametrize(("offset", "unit"), [(0.0, 1.0), (1e9, 1.0), (0.0, 1e-9), (-1e12, 1e3)])
def test_an_estimate_hangs_on_neither_the_offset_nor_the_unit_of_the_label(offset: float, unit: float) -> None:
    """Large answers have large errors; later there are more large ones, though not one is new."""
    random = np.random.default_rng(5)
    answers, later = random.normal(size=N), random.normal(1.5, 1, N)
    errors, frame = np.where(answers > 0.5, 3, 0.3) * random.normal(size=N), pd.DataFrame({"z": random.normal(size=N)})
    tree = loss_tree(frame, ["z"], offset + unit * answers, offset + unit * (answers + errors))
    found = tree.expected("mae", frame, offset + unit * later)
    assert found.value / unit == pytest.approx(np.where(later > 0.5, 2.39, 0.239).mean(), rel=0.1)
