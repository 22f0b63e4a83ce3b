"""Simulations of independent rows: how often a candidate that is no better gets through, and how often a better one.

The stated level is 1 - ``probability``, 10 %. A rate of few runs scatters: it must be within the 99.9 % limits of the
binomial distribution at the level, on both sides. ``make bench NAME=gate_rates`` measures the rates themselves.
"""

import pytest

from tests.unit.evaluation.simulated_days import within
from tests.unit.evaluation.simulated_gates import release_rate, true_gain, useless_average

RUNS, ROWS = 200, 300
LEVEL = 0.1


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "mae"])
def test_without_a_difference_as_many_candidates_get_through_as_stated(metric: str) -> None:
    assert within(release_rate(metric, 0.0, n=ROWS, runs=RUNS), LEVEL, RUNS)


def test_a_true_gain_that_pays_for_the_release_exactly_gets_through_half_of_the_time() -> None:
    cost = true_gain("mae", 0.1)
    assert cost == pytest.approx(0.1 * (2 / 3.14159) ** 0.5, rel=0.05)  # a tenth of the mean of a half-normal
    rate = release_rate("mae", 0.1, n=10 * ROWS, runs=60, resamples=100, min_gain=cost)
    assert within(rate, 0.5, 60)


def test_an_average_that_gains_nothing_gets_through_at_half_the_level() -> None:
    rate = release_rate("mae", 0.0, n=ROWS, runs=RUNS, probability=1 - LEVEL / 2, draw=useless_average, who="ensemble")
    assert within(rate, LEVEL / 2, RUNS)


def test_a_gain_as_retraining_has_on_real_flights_gets_through() -> None:
    # 0.28 standard deviations are about 0.064 AUC; a retrain gains 0.08 on the flights of June
    assert true_gain("roc_auc", 0.28) == pytest.approx(0.064, abs=0.005)
    assert release_rate("roc_auc", 0.28, n=2000, runs=30, min_gain=0.01) >= 0.9
