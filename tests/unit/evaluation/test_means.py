"""Intervals of means and shares hold the truth as often as they say, by rows and by days."""

import numpy as np
import pytest

from include.evaluation.blocks import Blocks
from include.evaluation.means import mean_interval
from tests.unit.evaluation.simulated_days import within

DAYS, RUNS = 30, 600


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("unit", ["row", "day"])
def test_an_interval_holds_the_mean_as_often_as_stated(share: bool, unit: str) -> None:
    random, n, missed = np.random.default_rng(0), 600, 0
    day = np.repeat(np.arange(DAYS), n // DAYS)
    blocks = Blocks("day", day, DAYS) if unit == "day" else Blocks("row", np.arange(n), n)
    for _ in range(RUNS):
        shift = 0.5 * random.normal(size=DAYS)[day] if unit == "day" else 0.0
        values = random.normal(size=n) + shift
        found = mean_interval(values > 0 if share else values, blocks, 0.9)
        missed += not found.low <= (0.5 if share else 0.0) <= found.high
    assert within(missed / RUNS, 0.1, RUNS)


def test_rows_of_a_day_that_are_alike_are_one_row_each() -> None:
    day = np.repeat(np.arange(DAYS), 20)
    found = mean_interval(np.where(day % 2 == 0, 1.0, 3.0), Blocks("day", day, DAYS), 0.95)
    assert found.value == 2
    assert found.effective_n == pytest.approx(DAYS, abs=1)


def test_a_share_of_none_has_an_interval_too() -> None:
    found = mean_interval(np.zeros(100), Blocks("row", np.arange(100), 100), 0.95)
    assert found.value == 0
    assert found.low == pytest.approx(0)
    assert 0.03 < found.high < 0.04
    one = mean_interval(np.array([0.3]), Blocks("day", np.array([0]), 1), 0.95)
    assert (one.value, one.low, one.high, one.n) == (0.3, 0.3, 0.3, 1)
