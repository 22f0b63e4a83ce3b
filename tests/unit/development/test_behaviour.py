"""Behaviour tests: each kind passes for a model that behaves, and refuses one that does not, with figures."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.evaluation import GateOutcome
from include.development.behaviour import changed, check
from include.errors import DataError, SpecError
from tests.unit.development.frames import events, flight_spec
from tests.unit.development.tasks import METRICS, task_parts, task_spec


def outcome(task: str = "binary", beaten: bool = True, **behaviour: Any) -> GateOutcome:
    """The only test of a spec."""
    quiet = {"stability": 0, "beats_baseline": False}
    spec = task_spec(task, behaviour=quiet | behaviour)
    (found,) = check(spec, *task_parts(spec), beaten)
    return found


@pytest.mark.parametrize(
    ("test", "passed"),
    [
        ({"feature": "idle", "noise": 1, "max_change": 0}, True),
        ({"feature": "strength", "noise": 1, "max_change": 0.01}, False),
        ({"feature": "strength", "noise": 0.001, "max_change": 0.01}, True),
        ({"feature": "place", "values": ["here", "nowhere"], "max_change": 0, "share": 0.3}, True),
        ({"feature": "place", "values": ["here", "nowhere"], "max_change": 0, "share": 0.9}, False),
        ({"feature": "signal", "noise": 0.5, "max_change": 0.001}, False),
        ({"feature": "signal_01", "noise": 0.5, "max_change": 0}, True),
        ({"feature": "note", "values": ["loud"], "max_change": 0}, True),
    ],
)
def test_invariance(test: dict, passed: bool) -> None:
    found = outcome(invariance=[test])
    assert found.gate == f"invariance:{test['feature']}"
    assert found.passed is passed
    assert "of 240 answers change by" in found.detail


@pytest.mark.parametrize("task", ["binary", "regression", "forecasting"])
@pytest.mark.parametrize(("effect", "by", "passed"), [("rises", 1, True), ("falls", 1, False), ("falls", -1, True)])
def test_direction(task: str, effect: str, by: float, passed: bool) -> None:
    found = outcome(task, direction=[{"feature": "strength", "by": by, "effect": effect}])
    assert found.passed is passed
    assert f"of 240 answers {effect[:-1]}" in found.detail


def test_a_direction_that_nothing_could_be_learned_of_is_not_judged() -> None:
    spec = task_spec("binary", behaviour={"direction": [{"feature": "idle", "by": 1, "effect": "rises"}]})
    model, parts = task_parts(spec)
    parts.frames["train"]["idle"] = 1.0
    found = check(spec, model, parts, True)[0]
    assert found.passed
    assert "not judged: idle has only one value in the training part" in found.detail


@pytest.mark.parametrize(
    ("task", "test", "passed"),
    [
        ("binary", {"where": {"strength": [2, 9]}, "at_least": 0.9}, True),
        ("binary", {"where": {"strength": [-9, -1], "place": "here"}, "at_most": 0.1}, True),
        ("binary", {"where": {"strength": [-9, -1]}, "at_least": 0.5}, False),
        ("regression", {"where": {"place": "there", "strength": [1, 9]}, "at_least": 2}, True),
        ("multiclass", {"where": {"strength": [1.8, 9]}, "predicted": "high"}, True),
        ("multiclass", {"where": {"label": "low"}, "predicted": "low", "share": 0.6}, True),
        ("multiclass", {"where": {"label": "low"}, "predicted": "high", "share": 0.6}, False),
        ("binary", {"where": {"strength": [2, 9]}, "predicted": "1"}, True),
    ],
)
def test_minimum_functionality(task: str, test: dict, passed: bool) -> None:
    found = outcome(task, minimum_functionality=[{"name": "clear", **test}])
    assert found.gate == "minimum_functionality:clear"
    assert found.passed is passed


def test_rows_that_are_not_there_are_not_judged() -> None:
    test = {"name": "far", "where": {"strength": [50, 60]}, "at_least": 0.9}
    found = outcome(minimum_functionality=[test])
    assert found.passed
    assert "not judged: no test row of 240" in found.detail


@pytest.mark.parametrize("task", METRICS)
def test_rounding_does_not_matter(task: str) -> None:
    found = outcome(task, stability=0.001)
    assert found.gate == "stability"
    assert found.passed


def test_a_step_at_a_value_of_the_data_is_seen() -> None:
    spec = task_spec("binary", behaviour={"stability": 0.01, "beats_baseline": False})
    model, parts = task_parts(spec)

    class Step(type(model.fitted)):  # type: ignore[misc]
        def predict(self, X: np.ndarray) -> np.ndarray:
            return (X[:, 0] > 1.5).astype(float)

    parts.frames["test"].loc[:5, "strength"] = 1.5
    jumping = type(model)(**{**vars(model), "fitted": Step("binary", {})})
    found = check(spec, jumping, parts, True)[0]
    assert not found.passed
    assert "changes an answer by at most 1" in found.detail


def test_the_baseline_must_be_beaten() -> None:
    assert outcome(beats_baseline=True).passed
    assert not outcome(beats_baseline=True, beaten=False).passed


@pytest.mark.parametrize(
    ("behaviour", "complaint"),
    [
        (
            {"direction": [{"feature": "place", "by": 1, "effect": "rises"}]},
            "'place' is categorical, and the test changes it by a number",
        ),
        (
            {"minimum_functionality": [{"name": "a", "where": {"far": 1}, "at_most": 1}]},
            "'far' is not a column of events",
        ),
        (
            {"minimum_functionality": [{"name": "a", "where": {"idle": [0, 1]}, "predicted": "x"}]},
            "'x' is not a class; allowed: 0, 1",
        ),
    ],
)
def test_impossible_tests_are_named(behaviour: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        outcome(**behaviour)


@pytest.mark.parametrize(("label", "known"), [("low", True), (1, False)])
def test_rows_of_a_class_are_found_by_its_name_or_the_class_is_refused(label: Any, known: bool) -> None:
    test = {"name": "a", "where": {"label": label}, "predicted": "low", "share": 0}
    if known:
        assert outcome("multiclass", minimum_functionality=[test]).passed
    else:
        with pytest.raises(ValueError, match="is not a class; allowed: low, middle, high"):
            outcome("multiclass", minimum_functionality=[test])


def test_a_direction_needs_one_number_per_row() -> None:
    with pytest.raises(SpecError, match="needs one number per row, but multiclass answers several"):
        outcome("multiclass", direction=[{"feature": "strength", "by": 1, "effect": "rises"}])


def test_what_is_computed_from_the_request_follows_it() -> None:
    """``scheduled_speed`` is distance over duration: twice the distance is twice the speed."""
    frame = events("2013-01", 50).assign(scheduled_speed=1.0)
    other = changed(flight_spec(), frame, "distance", {"distance": frame["distance"] * 2})
    np.testing.assert_allclose(other["scheduled_speed"], frame["distance"] * 2 / 2)
    pd.testing.assert_series_equal(
        changed(flight_spec(), frame, "temp", {"temp": frame["distance"]})["scheduled_speed"], frame["scheduled_speed"]
    )


def test_a_request_field_that_is_not_kept_is_named() -> None:
    frame = events("2013-01", 5).drop(columns="tailnum")
    with pytest.raises(DataError, match=r"needs the request fields \['tailnum'\]"):
        changed(flight_spec(), frame, "distance", {"distance": frame["distance"]})
