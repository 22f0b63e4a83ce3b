"""Intervals near the end of a metric hold the truth as often as they state; where nothing scatters, a bound is left."""

import numpy as np
import pytest
from scipy.stats import binom

from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import paired
from include.evaluation.intervals import bounds
from tests.unit.evaluation.simulated_metrics import Known

RUNS = 200


@pytest.mark.parametrize(
    "known",
    [
        Known("roc_auc", 0.99, 200),
        Known("accuracy", 0.995, 200),
        Known("accuracy", 0.98, 300, days=10),
        Known("roc_auc", 0.75, 300, days=10),
    ],
)
def test_each_bound_is_missed_at_most_as_often_as_stated(known: Known) -> None:
    most = binom.ppf(0.9995, RUNS, 0.025) / RUNS
    above, below = known.missed(RUNS)
    assert above <= most
    assert below <= most
    assert above + below > 0, "an interval that is never missed says nothing"


def test_a_perfect_model_has_the_exact_bound_of_no_failure() -> None:
    y = np.arange(200) % 4 == 0
    drawn = paired(y, {"m": np.where(y, 0.9, 0.1)}, ["accuracy", "roc_auc"], 200)
    accuracy, area = drawn.interval("accuracy", "m"), drawn.interval("roc_auc", "m")
    assert (accuracy.low, accuracy.high) == (pytest.approx(0.025 ** (1 / 200)), 1.0)
    assert area.low == pytest.approx(0.025 ** (1 / 50)), "fifty positives are fifty chances to be below a negative"


def test_a_perfect_model_on_few_days_is_proven_by_days() -> None:
    y = np.arange(200) % 4 == 0
    days = Blocks("day", np.repeat(np.arange(20), 10), 20)
    drawn = paired(y, {"m": np.where(y, 0.9, 0.1)}, ["accuracy"], 200, blocks=days)
    assert drawn.interval("accuracy", "m").low == pytest.approx(0.025 ** (1 / 20))


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "log_loss", "mae", "r2", "silhouette"])
def test_bounds_stay_within_the_metric_and_around_its_value(metric: str) -> None:
    point = {"log_loss": 0.01, "mae": 0.01}.get(metric, 0.99)
    low, high = bounds(metric, point, point + 0.02 * np.random.default_rng(0).normal(size=500), 0.025, 50, 50)
    assert low < point < high
    assert low >= (-np.inf if metric == "r2" else -1 if metric == "silhouette" else 0)
    assert high <= (np.inf if metric in ("log_loss", "mae") else 1)
