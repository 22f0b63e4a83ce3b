"""Calibration intercept and slope: found where they were put, with errors by blocks."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from include.evaluation.blocks import Blocks
from include.evaluation.logistic_recalibration import line, unfit

N, DAYS = 2000, 40
ROWS = Blocks("row", np.arange(N), N)
BY_DAY = Blocks("day", np.arange(N) % DAYS, DAYS)


def world(seed: int, intercept: float, slope: float, of_days: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels whose log-odds are a line over those of the answers; each day has its own luck."""
    random = np.random.default_rng(seed)
    answers = random.beta(2, 3, N)
    luck = random.normal(0, of_days, DAYS)[BY_DAY.codes]
    return random.random(N) < expit(intercept + slope * logit(answers) + luck), answers


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (0.8, 1.0), (0.0, 0.5), (0.0, 1.6)])
def test_what_was_put_into_the_labels_is_found(intercept: float, slope: float) -> None:
    found = line(*world(1, intercept, slope), ROWS, 0.999)
    assert found.slope.low < slope < found.slope.high
    assert found.slope.high - found.slope.low < 0.6
    if slope == 1:
        assert found.intercept.low < intercept < found.intercept.high


def test_the_coefficients_are_those_of_a_logistic_regression() -> None:
    y, p = world(2, 0.4, 0.7)
    peer = LogisticRegression(C=np.inf, tol=1e-8).fit(logit(p)[:, None], y)
    assert line(y, p, ROWS, 0.95).slope.value == pytest.approx(peer.coef_[0, 0], abs=1e-4)


def test_intervals_hold_what_they_state_where_days_have_their_own_luck() -> None:
    """By rows they would be far too narrow."""
    worlds = [world(seed, 0.0, 1.0, of_days=0.4) for seed in range(80)]
    by_day, by_row = ([line(y, p, blocks, 0.9).intercept for y, p in worlds] for blocks in (BY_DAY, ROWS))
    centre = float(np.mean([one.value for one in by_day]))
    inside = [np.mean([one.low < centre < one.high for one in intervals]) for intervals in (by_day, by_row)]
    assert 0.84 < inside[0] < 0.96
    assert inside[1] < 0.75
    assert np.median([one.effective_n for one in by_day]) < N / 2


def test_where_no_line_can_be_fitted_there_is_a_reason() -> None:
    y, p = world(3, 0.0, 1.0)
    assert unfit(y, p) == ""
    assert unfit(y, np.full(N, 0.25)) == "all 2000 answers are 0.25"
    assert unfit(np.ones(N, dtype=bool), p) == "all 2000 labels are 1"
    assert unfit(p > 0.5, p) == unfit(p < 0.5, p) == "the answers to 2000 rows separate the classes"


def test_sure_answers_have_finite_figures() -> None:
    y, p = world(4, 0.0, 1.0)
    sure = np.where(np.arange(N) < 50, 1.0, p)
    assert np.isfinite([one.value for one in line(y, sure, ROWS, 0.95)]).all()
