"""The form and the retrain plan become one record."""

import pytest

from include.contracts.development import TrainingRequest
from include.contracts.operations import RetrainPlan
from include.errors import TrainingError

FORM = {"train_from": None, "train_to": None, "test_from": None, "test_to": None, "trials": 20, "minutes": None,
        "sampler": "tpe", "start_from": "scratch", "task_runtime": "docker"}  # fmt: skip
PLAN = RetrainPlan(
    usecase="u", name="2013-07-retrain-1", decision="retrain", cause="drift", evidence=[], action="retrain",
    train_from="2013-01", train_to="2013-05", test_from="2013-06", test_to="2013-07", alerts=[],
    decided_at="2026-01-01T00:00:00+00:00",
)  # fmt: skip


def test_a_plan_replaces_the_window_of_the_form_and_leaves_the_rest() -> None:
    event = PLAN.request.model_dump(mode="json", exclude_defaults=True)
    request = TrainingRequest.of(FORM, event)
    assert (request.plan, request.train_from, request.train_to, request.test_from, request.test_to) == (
        "2013-07-retrain-1", "2013-01", "2013-05", "2013-06", "2013-07",
    )  # fmt: skip
    assert (request.trials, request.task_runtime) == (20, "docker")


def test_a_plan_that_recalibrates_says_so_and_one_of_before_does_not() -> None:
    event = PLAN.model_copy(update={"recalibrate": True}).request.model_dump(mode="json", exclude_defaults=True)
    assert TrainingRequest.of({**FORM, "recalibrate": False}, event).recalibrate
    before = PLAN.model_dump(mode="json", exclude={"recalibrate"})
    assert not RetrainPlan.model_validate(before).request.recalibrate


def test_a_form_alone_is_a_request_of_a_person() -> None:
    assert TrainingRequest.of(FORM, {}) == TrainingRequest(
        trials=20, sampler="tpe", start_from="scratch", task_runtime="docker"
    )


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"test_to": "2013-13"}, "test_to: .* is not one"),
        ({"trials": -1}, "trials: Input should be greater than or equal to 0"),
        ({"window": "all"}, "window: Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_is_refused_at_the_door(fields: dict, complaint: str) -> None:
    with pytest.raises(TrainingError, match=rf"cannot be ordered: {complaint}.*; correct the form or the plan"):
        TrainingRequest.of(FORM, fields)
