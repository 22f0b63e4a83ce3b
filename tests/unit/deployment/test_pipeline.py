"""What Triton is told of a use case's inputs and outputs."""

import os
from pathlib import Path

import pytest

from include.deployment import pipeline
from include.settings import ROOT
from include.specification.data import Event, Feature
from include.specification.loader import load_usecase
from include.specification.packaging import Serving
from include.specification.usecase import UseCase

FLIGHTS = load_usecase("flight_delay")


def spec(task: str, **changes: object) -> UseCase:
    return FLIGHTS.model_copy(update={"task": task, **changes})


def config(spec: UseCase, pinned: str = "") -> str:
    return pipeline.config(spec, {"spool": "/spool"}, pinned)


def test_a_tensor_of_the_request_is_one_input() -> None:
    shaped = Feature.model_validate({"name": "pixels", "kind": "numeric", "from": "request", "shape": [2, 3]})
    columns = [shaped.model_copy(update={"name": name, "tensor": "pixels"}) for name in shaped.columns]
    written = config(spec("binary", features=columns, request={"image_id": "string", "pixels": "float"}))
    assert '{ name: "pixels", data_type: TYPE_FP32, dims: [ 6 ], optional: true }' in written
    assert '{ name: "image_id", data_type: TYPE_STRING, dims: [ 1 ], optional: true }' in written


def test_serving_code_that_anyone_may_read_is_state_that_only_its_owner_reads(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        pipeline.write(FLIGHTS, ROOT / "triton_models" / "pipeline", tmp_path / "model", {})
    finally:
        os.umask(mask)
    written = [tmp_path / "model", *(tmp_path / "model").rglob("*")]
    assert {"config.pbtxt", "model.py", "encoding.py"} < {path.name for path in written}
    assert not [path for path in written if path.stat().st_mode & 0o077]


@pytest.mark.parametrize(
    ("task", "declared"),
    [
        ("binary", ['"prediction", data_type: TYPE_INT64', '"probability", data_type: TYPE_FP32, dims: [ 1 ]']),
        ("multiclass", ['"prediction", data_type: TYPE_STRING', '"scores", data_type: TYPE_FP32, dims: [ 3 ]']),
        ("regression", ['"prediction", data_type: TYPE_FP64']),
        ("forecasting", ['"prediction", data_type: TYPE_FP64']),
        ("clustering", ['"prediction", data_type: TYPE_INT64', '"scores", data_type: TYPE_FP32, dims: [ -1 ]']),
    ],
)
def test_each_task_declares_its_outputs(task: str, declared: list[str]) -> None:
    classes = ["a", "b", "c"] if task == "multiclass" else []
    written = config(spec(task, event=Event(id="flight_id", time="event_timestamp", classes=classes)))
    assert all(part in written for part in declared)
    assert ("probability" in written.split("output", 1)[1]) == (task in ("binary", "multiclass"))
    assert '"release", data_type: TYPE_STRING' in written


def test_the_spec_says_how_many_processes_answer_and_a_pinned_model_has_one() -> None:
    three = spec("binary", serving=Serving(instances=3))
    assert "kind: KIND_CPU, count: 3 }" in config(three)
    assert "kind: KIND_CPU, count: 1 }" in config(three, pinned="r0001")
    assert "kind: KIND_CPU, count: 1 }" in config(FLIGHTS)


def test_only_a_pinned_model_takes_features_with_the_request() -> None:
    assert "given_features" not in config(FLIGHTS)
    assert "given_features" in config(FLIGHTS, pinned="r0001")


@pytest.mark.parametrize(("policy", "told"), [("default", False), ("reject", False), ("fall_back", True)])
def test_an_answer_tells_a_fallback_where_a_view_may_fall_back(policy: str, told: bool) -> None:
    views = {name: view.model_copy(update={"when_missing": policy}) for name, view in FLIGHTS.feature_views.items()}
    assert ('{ name: "fallback", data_type: TYPE_BOOL' in config(spec("binary", feature_views=views))) == told
