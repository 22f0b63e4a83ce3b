"""A calibrated model answers alike as a fit, a graph, a release and an edge bundle: trees, a network, their average."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from include.deployment import edge, scoring
from include.development import training
from include.development.datasets.encoded import encoded
from include.development.datasets.encoder import Encoder
from include.development.trainers.ensemble import average
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel
from include.evaluation.calibration import LEAST
from include.evaluation.calibrator import UNCALIBRATED
from include.evaluation.metrics import log_losses
from include.specification.usecase import UseCase
from tests.integration.pipeline_fixtures import Serving, dataset_ref
from tests.integration.test_edge_bundle import PYTHON
from tests.unit.development.tasks import rows, task_spec

pytestmark = pytest.mark.integration
QUICK = {"xgboost": {"n_estimators": 60, "learning_rate": 0.3}, "torch_tabular": {"epochs": 3, "device": "cpu"}}


def spec_of(task: str, name: str) -> UseCase:
    """Classes of equal weight: what the trainer says is far from the shares."""
    how = {"name": name, "parameters": {}, "imbalance": "weights", "calibration": "sigmoid"}
    return task_spec(task, name="calibrated", trainer=how)


@cache
def fitted(task: str, name: str) -> TrainedModel:
    spec = spec_of(task, name)
    frames = {"train": rows(task, 1500, 0), "validation": rows(task, 4 * LEAST["sigmoid"][0], 1)}
    parts = encoded(spec, frames, Encoder.fit(frames["train"], spec.features))
    return training.fit(spec, dataset_ref(), parts, training.parameters_of(spec, QUICK[name]), Run(1))


def both(task: str) -> TrainedModel:
    return average([fitted(task, name) for name in QUICK])


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("name", [*QUICK, "average"])
def test_every_form_of_a_calibrated_model_answers_alike(name: str, task: str, tmp_path: Path) -> None:
    model = both(task) if name == "average" else fitted(task, name)
    held, spec = rows(task, 300, 2), spec_of(task, "xgboost")
    again = TrainedModel.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    np.testing.assert_array_equal(again.predict(held), model.predict(held))
    ref = Serving(tmp_path, spec).package(model, 1, held)  # refused when the graph differs by more than the bound
    np.testing.assert_allclose(scoring.scores(Path(ref.path), held), model.predict(held), atol=2e-5)
    edge.bundle(Path(ref.path), ref.name, tmp_path / "work", tmp_path / "edge.zip", PYTHON)  # proves itself likewise


@pytest.mark.parametrize("name", QUICK)
def test_it_repairs_what_weights_of_classes_do_to_probabilities(name: str) -> None:
    """Of three classes; those of the binary task are about equally frequent."""
    model, held = fitted("multiclass", name), rows("multiclass", 2000, 3)
    plain = model.with_calibrator(UNCALIBRATED)
    assert model.calibrator.method == "sigmoid"
    losses = [log_losses(held["label"].to_numpy(), one.predict(held)).mean() for one in (model, plain)]
    assert losses[0] < losses[1]
