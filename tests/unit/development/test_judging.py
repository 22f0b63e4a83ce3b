"""A trained model is judged: honest about the baseline, clear about what cannot be."""

import json

import numpy as np
import pandas as pd
import pytest

from include.contracts.development import DatasetRef
from include.development.datasets.parts import read_part
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel, artifact_hash
from include.errors import TrainingError
from include.specification.learning import Behaviour, Metrics
from tests.unit.development.frames import TrainingResult, build, flight_spec, train

QUICK = {"n_estimators": 15, "max_depth": 3}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return build(tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="module")
def result(dataset: DatasetRef) -> TrainingResult:
    return train(flight_spec(), dataset, QUICK, Run(1))


@pytest.fixture(scope="module")
def model(result: TrainingResult) -> TrainedModel:
    return TrainedModel.from_bytes(result.model)


@pytest.fixture(scope="module")
def test_rows(dataset: DatasetRef) -> pd.DataFrame:
    return read_part(dataset.test)


def test_the_model_beats_the_baseline(result: TrainingResult) -> None:
    assert result.metrics["test_roc_auc"] > 0.7 > result.metrics["baseline_test_roc_auc"] == 0.5
    assert result.metrics["test_log_loss"] < result.metrics["baseline_test_log_loss"]
    parts, metrics = ("test", "validation"), ("roc_auc", "average_precision", "brier", "log_loss")
    assert set(result.metrics) == {f"{b}{p}_{m}" for b in ("", "baseline_") for p in parts for m in metrics}


def test_a_saved_model_predicts_the_same(model: TrainedModel, test_rows: pd.DataFrame) -> None:
    again = TrainedModel.from_bytes(model.to_bytes())
    np.testing.assert_array_equal(again.predict(test_rows), model.predict(test_rows))
    assert again.to_bytes() == model.to_bytes()


def test_onnx_answers_like_the_model(model: TrainedModel, test_rows: pd.DataFrame) -> None:
    import onnxruntime

    rows = test_rows.copy()
    rows.loc[::7, "temp"] = np.nan
    rows.loc[::5, "carrier"] = "never seen"
    session = onnxruntime.InferenceSession(model.onnx(), providers=["CPUExecutionProvider"])
    _, probabilities = session.run(["label", "probabilities"], {"input": model.encoder.transform(rows)})
    assert np.abs(probabilities[:, 1] - model.predict(rows)).max() < 1e-6
    assert model.onnx() == model.onnx()


def test_the_documents(result: TrainingResult, model: TrainedModel) -> None:
    assert {"model_card.md", "model_card.html", "importance.json", "slices.json", "behaviour.json"} <= set(
        result.documents
    )
    assert json.loads(result.documents["encoding.json"]) == model.encoding()


def test_the_card_says_what_it_must(result: TrainingResult, dataset: DatasetRef) -> None:
    card = result.documents["model_card.md"].decode()
    for said in (artifact_hash(result.model), dataset.train.content_hash, *dataset.snapshots.values(), dataset.name):
        assert said in card
    assert "No search (0 trials)" in card


def test_a_model_that_fails_a_behaviour_test_is_refused_with_its_figures(dataset: DatasetRef) -> None:
    spec = flight_spec(behaviour=Behaviour(max_bytes=1))
    with pytest.raises(
        TrainingError, match=r"fails 1 of \d+ behaviour tests: .*1\b.*test roc_auc 0\.\d+, baseline 0\.5"
    ):
        train(spec, dataset, QUICK, Run(1))


def test_a_model_that_is_no_better_than_the_baseline_is_refused(dataset: DatasetRef) -> None:
    spec = flight_spec(metrics=Metrics(primary="accuracy"), behaviour=Behaviour(stability=0))
    with pytest.raises(TrainingError, match=r"not registered, because the model fails 1 of .*baseline"):
        train(spec, dataset, {"n_estimators": 1, "max_depth": 1, "learning_rate": 0.001}, Run(1))


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        (
            {"depth": 3},
            "'depth' is not a parameter of xgboost; did you mean max_depth. allowed: n_estimators, max_depth",
        ),
        ({"max_depth": "deep"}, "max_depth = 'deep' must be like 6"),
        ({"n_estimators": 0}, "n_estimators = 0 must be 1 or more"),
        ({"max_depth": -5}, "max_depth = -5 must be 0 or more"),
        ({"gamma": 1e9}, "so the model learned nothing"),
    ],
)
def test_unusable_parameters_are_named(dataset: DatasetRef, parameters: dict, complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        train(flight_spec(), dataset, parameters, Run(1))


def test_a_dataset_of_another_use_case_is_refused(dataset: DatasetRef) -> None:
    with pytest.raises(TrainingError, match="is of 'other', the use case is 'flight_delay'"):
        train(flight_spec(), dataset.model_copy(update={"usecase": "other"}), QUICK, Run(1))


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TrainingError, match="5 bytes are not a trained model"):
        TrainedModel.from_bytes(b"hello")
