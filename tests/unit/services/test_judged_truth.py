"""Whether an answer was what the truth says, for every kind of task."""

from typing import Any

import pytest

from include.contracts.found_answers import Truth
from include.services.found_answers import _judged
from include.specification.loader import load_usecase


@pytest.mark.parametrize(
    ("usecase", "truth", "columns", "met"),
    [
        ("flight_delay", 0, {"prediction": 0.0}, True),
        ("flight_delay", 1, {"prediction": 0.0}, False),
        ("flight_delay", 1.0, {"prediction": 1}, True),
        ("flight_delay", 1, {}, None),
        ("digit_image", 7, {"prediction": "7"}, True),
        ("digit_image", "3", {"prediction": 7.0, "predicted_class": "3"}, True),
        ("weather_forecast", 20.5, {"prediction": 20.5}, None),
    ],
)
def test_a_class_is_compared_with_the_truth_and_a_value_is_not(
    usecase: str, truth: Any, columns: dict[str, Any], met: bool | None
) -> None:
    assert _judged(load_usecase(usecase), Truth(state="known", value=truth), columns).met is met


def test_a_truth_that_is_not_known_is_no_judgement() -> None:
    judged = _judged(load_usecase("flight_delay"), Truth(state="not_due"), {"prediction": 0.0})
    assert judged.met is None
