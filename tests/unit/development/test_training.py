"""Training: deterministic, honest about the baseline, clear about what cannot be."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.contracts import DatasetRef
from include.development.parts import read_part
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel, artifact_hash, load
from include.development.training import TrainingResult, train
from include.errors import TrainingError
from tests.unit.development.frames import build, flight_spec

QUICK = {"n_estimators": 15, "max_depth": 3}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return build(tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="module")
def result(dataset: DatasetRef) -> TrainingResult:
    return train(flight_spec(), dataset, QUICK, Run(1))


@pytest.fixture(scope="module")
def model(result: TrainingResult) -> TrainedModel:
    return load("xgboost", result.model)


@pytest.fixture(scope="module")
def test_rows(dataset: DatasetRef) -> pd.DataFrame:
    return read_part(dataset.test)


def test_equal_arguments_give_equal_results(dataset: DatasetRef, result: TrainingResult) -> None:
    assert train(flight_spec(), dataset, QUICK, Run(2)) == result
    assert result.artifact_hash == artifact_hash(result.model)


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


def test_the_documents(result: TrainingResult, dataset: DatasetRef, model: TrainedModel) -> None:
    assert set(result.documents) == {"model_card.md", "importance.json", "slices.json", "encoding.json"}
    assert json.loads(result.documents["encoding.json"]) == model.encoding()
    importance = json.loads(result.documents["importance.json"])
    assert importance[0]["feature"] in {"sched_dep_minute", "sched_arr_minute"}
    assert sum(row["share"] for row in importance) == pytest.approx(1)
    slices = json.loads(result.documents["slices.json"])
    assert sum(s["n"] for s in slices) == dataset.test.rows
    assert [s["value"] for s in slices] == ["EWR", "JFK", "LGA"]


def test_the_card_says_what_it_must(result: TrainingResult, dataset: DatasetRef) -> None:
    card = result.documents["model_card.md"].decode()
    for said in (result.artifact_hash, dataset.train.content_hash, *dataset.snapshots.values(), dataset.name):
        assert said in card
    assert "No search (0 trials)" in card
    assert "| roc_auc |" in card


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"depth": 3}, r"no parameters \['depth'\] here; allowed: n_estimators, max_depth"),
        ({"max_depth": "deep"}, "max_depth = 'deep' must be like 6"),
        ({"n_estimators": 0}, "n_estimators = 0 must be 1 or more"),
        ({"max_depth": -5}, r"xgboost cannot fit with .*max_depth"),
        ({"gamma": 1e9}, "for every row: it learned nothing"),
    ],
)
def test_unusable_parameters_are_named(dataset: DatasetRef, parameters: dict, complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        train(flight_spec(), dataset, parameters, Run(1))


def test_a_dataset_of_another_use_case_is_refused(dataset: DatasetRef) -> None:
    with pytest.raises(TrainingError, match="is of 'other', the use case is 'flight_delay'"):
        train(flight_spec(), dataset.model_copy(update={"usecase": "other"}), QUICK, Run(1))


def test_what_is_no_model_is_refused(model: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="5 bytes are not a trained model"):
        TrainedModel.from_bytes(b"hello")
    with pytest.raises(TrainingError, match="of trainer 'xgboost', the spec says 'torch'"):
        load("torch", model.to_bytes())
