from functools import cache

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from include.development.datasets.encoder import Encoder
from include.development.trainers.ensemble import EnsembleTrainer, average
from include.development.trainers.protocol import Matrix, Problem, Run
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel
from include.errors import TrainingError
from include.specification.data import Feature
from include.specification.task import Task

FEATURES = [
    Feature.model_validate({"name": "x", "kind": "numeric", "from": "request"}),
    Feature.model_validate({"name": "origin", "kind": "categorical", "from": "request"}),
]
QUICK = {"xgboost": {"n_estimators": 8}, "sklearn": {}}


def frame(origins: str, n: int = 300, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({"x": random.normal(size=n), "origin": random.choice(list(origins), n)})
    rows["number"] = rows["x"] + rows["origin"].map(dict(zip("ABCD", [0.0, 1.0, 2.0, 3.0], strict=True)))
    return rows


def label(task: str, rows: pd.DataFrame) -> np.ndarray:
    if task == "regression":
        return rows["number"].to_numpy()
    classes = 2 if task == "binary" else 3
    return pd.qcut(rows["number"], classes, labels=False).to_numpy()


@cache
def model(name: str, task: Task, origins: str, service: str = "v1") -> TrainedModel:
    """Trained on rows of these origins only: the encodings of two members differ."""
    rows = frame(origins)
    encoder = Encoder.fit(rows, FEATURES)
    problem = Problem(task, encoder.inputs, {"binary": 2, "multiclass": 3}.get(task, 0))
    matrix = Matrix(encoder.transform(rows), label(task, rows))
    fitted = trainer(name).fit(problem, matrix, matrix, QUICK[name], Run())
    return TrainedModel("u", service, name, task, problem.classes, encoder, fitted)


PAIRS = [
    ("binary", "xgboost", "xgboost"),
    ("multiclass", "xgboost", "sklearn"),
    ("regression", "sklearn", "xgboost"),
]


@pytest.mark.parametrize(("task", "first", "second"), PAIRS)
def test_it_says_the_mean_of_its_members_in_every_form(task: Task, first: str, second: str) -> None:
    members = [model(first, task, "ABC"), model(second, task, "DBA")]
    both, rows = average(members), frame("ABCDE", 50, seed=1)
    expected = np.mean([member.predict(rows) for member in members], axis=0)
    np.testing.assert_allclose(both.predict(rows), expected, atol=1e-12)
    again = TrainedModel.from_bytes(both.to_bytes())
    np.testing.assert_array_equal(again.predict(rows), both.predict(rows))
    assert again.to_bytes() == both.to_bytes()
    session = onnxruntime.InferenceSession(both.onnx(), providers=["CPUExecutionProvider"])
    said = session.run(None, {"input": both.encoder.transform(rows)})[-1]
    np.testing.assert_allclose(said.reshape(expected.shape), expected, atol=1e-5)


def test_each_member_keeps_its_own_categories() -> None:
    both = average([model("xgboost", "binary", "ABC"), model("xgboost", "binary", "DBA")])
    assert [entry["categories"] for entry in both.encoder.features] == [None, ["A", "B", "C"], None, ["A", "B", "D"]]
    matrix = both.encoder.transform(pd.DataFrame({"x": [1.0], "origin": ["D"]}))
    np.testing.assert_array_equal(matrix, [[1.0, -1.0, 1.0, 2.0]])


def test_an_ensemble_may_be_a_member() -> None:
    pair = average([model("xgboost", "binary", "ABC"), model("xgboost", "binary", "DBA")])
    third, rows = model("xgboost", "binary", "AB"), frame("ABCD", 20)
    nested = TrainedModel.from_bytes(average([pair, third]).to_bytes())
    np.testing.assert_allclose(nested.predict(rows), (pair.predict(rows) + third.predict(rows)) / 2, atol=1e-12)
    assert nested.fitted.describe()["members"] == 2
    session = onnxruntime.InferenceSession(nested.onnx(), providers=["CPUExecutionProvider"])
    said = session.run(None, {"input": nested.encoder.transform(rows)})[-1][:, -1]
    np.testing.assert_allclose(said, nested.predict(rows), atol=1e-6)


def test_models_of_different_questions_are_not_averaged() -> None:
    first = model("xgboost", "binary", "ABC")
    with pytest.raises(TrainingError, match="1 of 2 models have other features or another task"):
        average([first, model("xgboost", "binary", "ABC", "v2")])
    with pytest.raises(TrainingError, match="other features or another task"):
        average([first, model("xgboost", "regression", "ABC")])


def test_it_cannot_be_fitted_and_refuses_what_is_no_ensemble() -> None:
    first = model("xgboost", "binary", "ABC")
    matrix = Matrix(np.zeros((1, 2), dtype=np.float32), np.zeros(1))
    with pytest.raises(TrainingError, match="the evaluation makes ensembles"):
        EnsembleTrainer().fit(first.problem, matrix, matrix, {}, Run())
    with pytest.raises(TrainingError, match="3 bytes are not an ensemble"):
        EnsembleTrainer().load(first.problem, b"abc")
    content = average([first, first]).fitted.save()
    with pytest.raises(TrainingError, match=r"the members read \[2, 2\] columns, the encoding has 2"):
        EnsembleTrainer().load(first.problem, content)
