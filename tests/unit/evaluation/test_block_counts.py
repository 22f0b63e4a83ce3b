"""Windows whose rows all fall into one bin: they say nothing about how different blocks are, and are judged."""

import numpy as np
import pytest

from include.evaluation.block_counts import Sample, by_blocks
from include.evaluation.chance import Chance

VARIED = np.array([[20, day, 0, 0] for day in range(10)])
ELSEWHERE, AT_FIRST = (np.array([[12 * (place == at) for place in range(4)]] * 10) for at in (3, 0))


@pytest.mark.parametrize(("before", "now"), [(VARIED, ELSEWHERE), (ELSEWHERE, VARIED), (AT_FIRST, ELSEWHERE)])
def test_a_window_of_one_value_is_judged_as_if_its_rows_were_independent(before: np.ndarray, now: np.ndarray) -> None:
    sides = [Sample("day", 10, 10, counts) for counts in (before, now)]
    chance, effect = by_blocks(*sides, Chance.chi_squared(3, 0.01))
    assert 0 < chance.mean < 1
    assert effect >= 1
    assert chance.p_value(11.0) < 1e-6
    assert chance.quantile(0.01) > chance.mean
