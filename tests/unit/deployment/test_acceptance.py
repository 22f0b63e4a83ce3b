"""The users' acceptance tests: what a spec may say, and when an answer keeps it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from include.deployment.acceptance import headline, unmet
from include.specification.loader import load_usecase
from include.specification.packaging import AcceptanceTest, Expectation
from include.specification.usecase import UseCase

FLIGHTS = load_usecase("flight_delay")
GOOD = FLIGHTS.user_acceptance[0].model_dump()
number = st.floats(-1e3, 1e3)


@given(value=number, low=number, high=number)
def test_limits_are_kept_or_named(value: float, low: float, high: float) -> None:
    faults = unmet(Expectation(at_least=low, at_most=high), {"prediction": value})
    assert len(faults) == (value < low) + (value > high)
    assert all(f"{value:.4g}" in fault for fault in faults)


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ({"prediction": 1, "probability": 0.75}, 0.75),
        ({"prediction": "b", "probability": 0.5, "scores": [0.1, 0.5, 0.4]}, 0.5),
        ({"prediction": 2, "scores": [-3.0, -2.0, -0.5]}, -0.5),
        ({"prediction": 41.5}, 41.5),
    ],
)
def test_the_number_that_is_limited_is_the_tasks_headline(answer: dict[str, Any], number: float) -> None:
    assert headline(answer) == number


def test_a_class_is_expected_by_its_name() -> None:
    expects = Expectation(prediction=0)
    assert unmet(expects, {"prediction": "0", "probability": 0.9, "scores": [0.9]}) == []
    assert "the spec expects 0" in unmet(expects, {"prediction": "7", "probability": 0.9, "scores": [0.9]})[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"request": {**GOOD["request"], "gate": "A1"}}, "'gate' is not a request field"),
        ({"request": {n: v for n, v in GOOD["request"].items() if n != "dest"}}, r"the request lacks \['dest'\]"),
        ({"features": {"snow": 1}}, "'snow' is not a looked-up feature"),
        ({"expects": {}}, "give an expectation"),
    ],
)
def test_a_test_that_cannot_be_asked_is_refused_with_the_spec(change: dict[str, Any], said: str) -> None:
    content = FLIGHTS.model_dump(by_alias=True) | {"user_acceptance": [GOOD | change]}
    with pytest.raises(ValidationError, match=said):
        UseCase.model_validate(content)


def test_two_tests_of_one_name_are_refused() -> None:
    content = FLIGHTS.model_dump(by_alias=True) | {"user_acceptance": [GOOD, GOOD]}
    with pytest.raises(ValidationError, match="two have the name 'an early flight"):
        UseCase.model_validate(content)


def test_event_id_and_time_need_not_be_given() -> None:
    assert {FLIGHTS.event.id, FLIGHTS.event.time}.isdisjoint(GOOD["request"])
    assert AcceptanceTest.model_validate(GOOD).name == GOOD["name"]
