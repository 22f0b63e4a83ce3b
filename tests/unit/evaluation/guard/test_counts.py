"""Values that no other period has: inside the range of the others they are new, outside it they are the season."""

import numpy as np
import pytest

from include.evaluation.divergence import js_divergence
from include.evaluation.guard.counts import Counts

JANUARY, FEBRUARY = {"30": 5, "32": 5}, {"32": 4, "34": 6}


@pytest.mark.parametrize(
    ("now", "new"),
    [
        ({"34": 2, "36": 8}, 0.0),  # warmer than ever
        ({"-4": 1, "32": 9}, 0.0),  # colder
        ({"33.8": 3, "32": 7}, 0.3),  # another grid, inside
        ({"30": 1}, 0.0),
    ],
)
def test_a_number_is_new_inside_the_range_of_the_others_alone(now: dict[str, int], new: float) -> None:
    assert Counts([JANUARY, FEBRUARY], now, numbers=True).figures(None) == {"unseen": pytest.approx(new)}


def test_a_period_before_is_compared_with_the_others_before_and_not_with_the_judged_one() -> None:
    counts = Counts([{"1": 1, "2": 1, "9": 1}, {"1": 1, "3": 1, "9": 1}], {"2": 1, "3": 1}, numbers=True)
    assert counts.figures(0) == {"unseen": pytest.approx(1 / 3)}
    assert counts.figures(1) == {"unseen": pytest.approx(1 / 3)}


def test_categories_have_a_mix_and_every_name_that_the_others_lack_is_new() -> None:
    counts = Counts([{"a": 8, "b": 2}, {"a": 2, "c": 2}], {"a": 5, "z": 5}, numbers=False)
    before = np.array([0.65, 0.1, 0.25, 0.0]) * 10
    assert counts.figures(None) == {
        "unseen": pytest.approx(0.5),
        "mix": pytest.approx(np.sqrt(js_divergence(before, np.array([5, 0, 0, 5.0])))),
    }
    assert counts.figures(0)["unseen"] == pytest.approx(0.2)


def test_a_period_without_values_has_no_figure_and_is_no_other() -> None:
    counts = Counts([{}, {"a": 1}], {"b": 1}, numbers=False)
    assert counts.figures(0) == {}
    assert counts.figures(1) == {}, "nothing to compare with"
    assert counts.figures(None)["unseen"] == 1
