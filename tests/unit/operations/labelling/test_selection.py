from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from include.errors import DataError
from include.operations.labelling.selection import POOL, SHARE, select, uncertainty
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.operations.task_worlds import multiclass, numeric


def asking(strategy: str = "entropy", **changes: Any) -> UseCase:
    """Binary, with the features x (a number) and origin (a category)."""
    return small_spec(labelling={"strategy": strategy, "rows": 5}, **changes)


def numbers(strategy: str = "disagreement") -> UseCase:
    metrics = {"primary": "mae", "secondary": []}
    limits = [{"metric": "mae", "at_most": 9.0}]
    return asking(strategy, task="regression", metrics=metrics, acceptance=limits, features=numeric("x"))


def candidates(x: Any, origin: Any = "JFK") -> pd.DataFrame:
    return pd.DataFrame({"flight_id": [f"f{i:03d}" for i in range(len(x))], "x": x, "origin": origin})


sure = st.floats(0, 1)
pools = st.lists(st.tuples(st.integers(-3, 3), st.sampled_from(["EWR", "JFK", None]), sure), min_size=1, max_size=60)


@settings(max_examples=30, deadline=None)
@given(pools, st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_choice_is_small_different_uncertain_and_the_same_in_any_order(pool: list, count: int, random: Any) -> None:
    x, origin, p = map(list, zip(*pool, strict=True))
    rows, scores = candidates(x, origin), np.array(p)
    chosen, doubt = select(asking(), rows, [scores], count)
    picked = rows.iloc[chosen]
    assert 1 <= len(chosen) <= count
    assert not picked[["x", "origin"]].duplicated().any()
    assert doubt[chosen[0]] == doubt.max()
    different = rows.assign(doubt=doubt).sort_values("doubt", ascending=False).drop_duplicates(["x", "origin"])
    assert len(chosen) == min(count, len(different))
    size = max(count, min(POOL * count, int(SHARE * len(different))))
    assert doubt[chosen].min() >= different["doubt"].head(size).min()
    shuffled = random.sample(range(len(rows)), len(rows))
    again, _ = select(asking(), rows.iloc[shuffled].reset_index(drop=True), [scores[shuffled]], count)
    assert [rows["flight_id"].iloc[shuffled[i]] for i in again] == [*picked["flight_id"]]


def test_twenty_copies_of_the_most_unsure_row_are_offered_once() -> None:
    rows = candidates([7.0] * 20 + [1.0, 2.0, 3.0])
    chosen, _ = select(asking(), rows, [np.array([0.5] * 20 + [0.6, 0.65, 0.7])], 5)
    assert [*rows["x"].iloc[chosen]] == [7.0, 1.0, 2.0, 3.0]


def test_among_the_equally_unsure_the_choice_is_spread() -> None:
    rows = candidates([0.0, 0.01, 0.02, 5.0, 5.01, 10.0, 10.01, 10.02])
    chosen, _ = select(asking(), rows, [np.full(8, 0.5)], 3)
    assert [*rows["x"].iloc[chosen].round()] == [0, 5, 10]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 100), min_size=4, max_size=9, unique=True), st.integers(2, 3))
def test_the_spread_is_at_most_twice_as_coarse_as_the_best(x: list[int], count: int) -> None:
    """Gonzalez's bound, for the largest distance of a row from the nearest chosen one."""
    rows = candidates([float(v) for v in x])

    def reach(chosen: Any) -> int:
        return max(min(abs(v - x[c]) for c in chosen) for v in x)

    chosen, _ = select(asking(), rows, [np.full(len(x), 0.5)], count)
    assert reach(chosen) <= 2 * min(map(reach, combinations(range(len(x)), count)))


@settings(max_examples=20, deadline=None)
@given(arrays(float, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(0.01, 1)))
def test_uncertainty_of_classes_is_a_share_largest_when_all_are_equal(raw: np.ndarray) -> None:
    spec, p = multiclass().spec, raw / raw.sum(axis=1, keepdims=True)
    for strategy in ("entropy", "margin"):
        unsure = spec.model_copy(update={"labelling": asking(strategy).labelling})
        found = uncertainty(unsure, [p], len(p))
        assert ((found >= -1e-12) & (found <= 1 + 1e-12)).all()
        assert uncertainty(unsure, [np.full((1, 3), 1 / 3)], 1) == pytest.approx([1])
        assert uncertainty(unsure, [np.eye(3)], 3) == pytest.approx([0, 0, 0])


def test_the_binary_answers_nearest_to_a_half_are_the_most_unsure() -> None:
    p = np.array([0.02, 0.5, 0.7, 1.0])
    for strategy in ("entropy", "margin"):
        assert [*uncertainty(asking(strategy), [p], 4).argsort()] == [3, 0, 2, 1]
    assert uncertainty(asking("margin"), [p], 4) == pytest.approx([0.04, 1.0, 0.6, 0.0])


def test_disagreement_is_of_several_releases() -> None:
    sure, unlike = np.array([0.9, 0.9, 0.5]), np.array([0.9, 0.1, 0.5])
    found = uncertainty(asking("disagreement"), [sure, unlike], 3)
    assert found[1] > 0.3
    assert found[[0, 2]] == pytest.approx([0, 0], abs=1e-12)
    assert uncertainty(numbers(), [np.array([50.0, 60.0]), np.array([52.0, 60.0])], 2) == pytest.approx([1.0, 0.0])


def test_one_release_disagrees_with_nobody_so_variety_decides() -> None:
    rows = candidates([0.0, 0.1, 9.0]).drop(columns="origin")
    chosen, doubt = select(numbers(), rows, [np.array([1.0, 2.0, 3.0])], 2)
    assert [*rows["x"].iloc[chosen]] == [0.0, 9.0]
    assert not doubt.any()


def test_missing_values_are_a_difference_and_no_error() -> None:
    rows = candidates([0.0, np.nan, np.nan, 0.1], ["JFK", "JFK", None, "JFK"])
    chosen, _ = select(asking(), rows, [np.full(4, 0.5)], 3)
    assert chosen == [0, 1, 2]


def test_what_has_no_labels_and_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="nothing can be labelled: its task is binary, labelling is None"):
        uncertainty(small_spec(), [np.array([0.5])], 1)
    with pytest.raises(DataError, match=r"scores of \[2\] rows for 3 rows"):
        uncertainty(asking(), [np.array([0.5, 0.5])], 3)
    of_clusters = {"primary": "silhouette", "secondary": []}
    limits = [{"metric": "silhouette", "at_least": 0.1}]
    unlabelled = {"label": None, "label_time": None}
    with pytest.raises(ValueError, match="clustering has no labels to ask for"):
        asking(task="clustering", event=unlabelled, metrics=of_clusters, acceptance=limits, trainer={"name": "sklearn"})
    with pytest.raises(ValueError, match="is not a strategy of regression; allowed: disagreement"):
        numbers("entropy")
