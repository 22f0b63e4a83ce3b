"""Classes of unequal size, in the training part only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.development.datasets.imbalance import balanced
from include.development.trainers.protocol import Matrix
from include.errors import TrainingError
from include.specification.usecase import UseCase
from tests.unit.development.frames import flight_spec

LABELS = st.lists(st.integers(0, 1), min_size=4, max_size=60).filter(lambda y: 0 < sum(y) < len(y))


def spec(imbalance: str, task: str = "binary") -> UseCase:
    given = flight_spec()
    return given.model_copy(update={"trainer": given.trainer.model_copy(update={"imbalance": imbalance}), "task": task})


def matrix(labels: list[int]) -> Matrix:
    y = np.array(labels, dtype=np.int8)
    return Matrix(np.arange(len(y), dtype=np.float32)[:, None], y)


def test_nothing_is_touched_unless_asked() -> None:
    given = matrix([0, 0, 1])
    assert balanced(spec("none"), given) is given


@given(LABELS)
def test_every_class_weighs_the_same(labels: list[int]) -> None:
    found = balanced(spec("weights"), matrix(labels))
    assert found.weight is not None
    sums = [found.weight[found.y == k].sum() for k in (0, 1)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-5)
    assert found.weight.mean() == pytest.approx(1, rel=1e-5)


@given(LABELS)
def test_as_many_rows_of_each_class_that_stand_for_all(labels: list[int]) -> None:
    found = balanced(spec("undersample"), matrix(labels))
    counts = np.bincount(labels)
    assert np.bincount(found.y).tolist() == [counts.min()] * 2
    assert found.weight is not None
    for k in (0, 1):
        assert found.weight[found.y == k].sum() == pytest.approx(counts[k], rel=1e-5)
    rows = found.X[:, 0].astype(int)
    assert (np.diff(rows) > 0).all()
    assert (np.array(labels)[rows] == found.y).all()


def test_the_same_rows_are_left_every_time() -> None:
    labels = [0] * 50 + [1] * 5
    first, again = (balanced(spec("undersample"), matrix(labels)).X for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_numbers_have_no_classes() -> None:
    with pytest.raises(TrainingError, match=r"trainer\.imbalance 'weights' is for classes; a regression has none"):
        balanced(spec("weights", "regression"), matrix([0, 1]))
