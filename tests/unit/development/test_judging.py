"""A trained model is judged: honest about the baseline, clear about what cannot be."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.contracts.development import DatasetRef
from include.development.datasets.parts import read_part
from include.development.refitting import Proved
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel, artifact_hash
from include.errors import TrainingError
from include.specification.learning import Behaviour, Metrics, Training
from tests.unit.development.frames import TrainingResult, build, build_refit, flight_spec, started_from, train

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


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def refit(dataset: DatasetRef) -> TrainingResult:
    """The same recipe on every row, beside what was judged."""
    spec, proof = flight_spec(), train(flight_spec(), dataset, QUICK, Run(1))
    ref = started_from(dataset, artifact_hash(proof.model))
    proved = Proved(ref, TrainedModel.from_bytes(proof.model))
    return train(spec, build_refit(Path(dataset.path).parent, dataset), QUICK, Run(1), proved)


@pytest.mark.slow
def test_figures_of_a_refit_are_named_in_sample_and_those_of_its_proof_are_beside_them(
    result: TrainingResult, refit: TrainingResult
) -> None:
    proof = {name: value for name, value in result.metrics.items() if not name.startswith("baseline_")}
    assert {n.removeprefix("proof_"): v for n, v in refit.metrics.items() if n.startswith("proof_")} == proof
    own = [name for name in refit.metrics if not name.startswith("proof_")]
    assert {name.removeprefix("in_sample_") for name in own} == set(result.metrics)
    assert all(name.startswith("in_sample_") for name in own)
    assert {"in_sample_slices.json", "in_sample_fairness.json", "behaviour.json"} <= set(refit.documents)
    assert not {"slices.json", "fairness.json"} & set(refit.documents)


def test_the_card_of_a_refit_says_what_it_learned_and_what_is_known_out_of_sample(
    dataset: DatasetRef, result: TrainingResult, refit: TrainingResult
) -> None:
    card = refit.documents["model_card.md"].decode()
    digest = artifact_hash(result.model)
    assert f"the refit of its proof, version 1 (`{digest[:12]}`)" in card
    assert f"Learned in addition: {2100 - dataset.train.rows:,} rows, among them all of 2013-03." in card
    assert f"`{digest}`" in card.split("## Lineage")[1]
    assert "## Slices, in-sample\n\nIn-sample: this model has learned from the rows" in card
    assert "![In-sample: " in card.split("## Performance")[1].split("## ")[0]
    row = next(line for line in card.splitlines() if line.startswith("| roc_auc "))
    shown = [cell.strip() for cell in row.split("|")[2:6]]
    metrics = refit.metrics
    assert shown[0] == f"{metrics['proof_validation_roc_auc']:.4f}"
    assert shown[1].startswith(f"{metrics['proof_test_roc_auc']:.4f} [")
    assert shown[2:] == [f"{metrics[f'in_sample_{part}_roc_auc']:.4f}" for part in ("validation", "test")]
    assert "that were not used for training" not in card


def test_a_refit_that_answers_otherwise_than_its_proof_is_refused(dataset: DatasetRef, result: TrainingResult) -> None:
    spec = flight_spec(training=Training(agreement=1e-4))
    proved = Proved(started_from(dataset, "a" * 64), TrainedModel.from_bytes(result.model))
    with pytest.raises(
        TrainingError, match=r"refit of version 1 is not registered.*on the 700 newest rows.*0\.0001 is"
    ):
        train(spec, build_refit(Path(dataset.path).parent, dataset), QUICK, Run(1), proved)
