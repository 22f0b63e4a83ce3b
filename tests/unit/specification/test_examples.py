"""Values in the tests of a model or release that no run could use are refused with the spec, by key and value."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.errors import SpecError
from include.specification.loader import load_usecase, parse_usecase

ACCEPTED: dict[str, Any] = {
    "user_acceptance.0.request.dest": 7,  # a category however it is written
    "user_acceptance.0.request.tailnum": None,
    "user_acceptance.0.features.temp": None,
    "user_acceptance.0.expects.prediction": "1",
    "behaviour.minimum_functionality.0.where.precip_6h": [0, 0],
}
REFUSED: list[tuple[str, Any, str]] = [
    ("user_acceptance.0.request.day_of_week", "Monday", "'Monday' is no number"),
    ("user_acceptance.0.request.day_of_week", [5], "a list of 1 is no number"),
    ("user_acceptance.0.request.day_of_week", True, "True is no number"),
    ("user_acceptance.0.request.origin", {"code": "LGA"}, "a mapping of 1 is no text"),
    ("user_acceptance.0.features.temp", "warm", "'warm' is no number"),
    ("user_acceptance.0.expects.prediction", 7, "'7' is not a class; allowed: 0, 1"),
    ("user_acceptance.0.expects.prediction", "late", "'late' is not a class"),
    ("user_acceptance.0.expects.at_least", 0.9, "no answer is at least 0.9 and at most 0.3"),
    ("behaviour.invariance.0.feature", "carrier", "'carrier' is categorical, and the test changes it by a number"),
    ("behaviour.direction.0.feature", "origin", "'origin' is categorical"),
    ("behaviour.minimum_functionality.0.where.precip_6h", "dry", "'dry' is no number"),
    ("behaviour.minimum_functionality.0.where.precip_6h", [2], "[2.0] is no range; write [low, high]"),
    ("behaviour.minimum_functionality.0.where.precip_6h", [3, 1], "[3.0, 1.0] is no range"),
    ("behaviour.minimum_functionality.0.where.visib_min_3", 1, "did you mean visib_min_3h?"),
    ("behaviour.minimum_functionality.0.predicted", "late", "'late' is not a class"),
]
DIGITS: list[tuple[str, Any, str]] = [
    ("user_acceptance.0.request.pixels", [0] * 63, "a list of 63 is not 64 numbers"),
    ("user_acceptance.0.request.pixels", ["ink"] * 64, "a list of 64 is not 64 numbers"),
    ("user_acceptance.0.request.pixels", 0, "0 is not 64 numbers"),
    ("user_acceptance.0.expects.prediction", 10, "'10' is not a class"),
    ("behaviour.minimum_functionality.0.predicted", "ten", "'ten' is not a class"),
]


def written(directory: Path, usecase: str, key: str, value: Any) -> Path:
    """The spec of a use case with another value at a dotted key."""
    content = part = deepcopy(yaml.safe_load((load_usecase(usecase).directory / "usecase.yaml").read_text()))
    *way, last = (int(step) if step.isdecimal() else step for step in key.split("."))
    for step in way:
        part = part[step]
    part[last] = value
    path = directory / usecase / "usecase.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@pytest.mark.parametrize(("key", "value"), ACCEPTED.items())
def test_what_a_test_can_be_made_of_is_accepted(tmp_path: Path, key: str, value: Any) -> None:
    assert parse_usecase(written(tmp_path, "flight_delay", key, value))


@pytest.mark.parametrize(
    ("usecase", "key", "value", "words"),
    [*(("flight_delay", *case) for case in REFUSED), *(("digit_image", *case) for case in DIGITS)],
)
def test_what_no_test_can_be_made_of_is_refused_before_a_run(
    tmp_path: Path, usecase: str, key: str, value: Any, words: str
) -> None:
    path = written(tmp_path, usecase, key, value)
    with pytest.raises(SpecError, match=re.escape(words)) as caught:
        parse_usecase(path)
    assert re.match(rf"{re.escape(str(path))}:\d+: {re.escape(key)}: ", str(caught.value))
