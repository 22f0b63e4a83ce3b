"""Flat rows become what a client sends, and answers become scores."""

import numpy as np
import pytest

from include.deployment.requests import answered, request

INPUTS = {"id": ["id"], "pixels": ["pixels_00", "pixels_01"], "one": ["one_00"]}


def test_a_tensor_is_one_list_in_the_order_of_its_columns() -> None:
    row = {"pixels_01": 2.0, "pixels_00": 1.0, "id": "x", "one_00": 3.0, "label": "not sent"}
    assert request(INPUTS, row) == {"id": "x", "pixels": [1.0, 2.0], "one": [3.0]}


def test_what_the_row_lacks_is_none() -> None:
    assert request(INPUTS, {"id": "x"}) == {"id": "x", "pixels": [None, None], "one": [None]}


@pytest.mark.parametrize(
    ("answer", "scores"),
    [
        ({"prediction": 1, "probability": 0.7}, [0.7]),
        ({"prediction": "seven", "probability": 0.6, "scores": [0.4, 0.6]}, [[0.4, 0.6]]),
        ({"prediction": -3.5}, [-3.5]),
        ({"prediction": 1, "scores": [-2.0, -1.0]}, [[-2.0, -1.0]]),
    ],
)
def test_scores_are_the_most_that_an_answer_says(answer: dict, scores: list) -> None:
    np.testing.assert_array_equal(answered([answer | {"release": "r0001"}]), scores)
