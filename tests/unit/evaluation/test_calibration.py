"""Scores become probabilities where that helps: in order, the same in Python and ONNX, and never by chance."""

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx import TensorProto, helper

from include.development.trainers.onnx_calibrated import calibrated
from include.evaluation import calibration
from include.evaluation.calibrator import UNCALIBRATED, Calibrator
from include.evaluation.metrics import calibration_error, log_losses, roc_area
from tests.unit.development.tasks import task_spec

METHODS = ["sigmoid", "isotonic"]
ROWS = 6000


def logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


SAID = {
    "too sure": lambda z: logistic(3 * z - 1),
    "too careful": lambda z: 0.2 + 0.01 * z,
    "bent": lambda z: logistic(z) ** 3,
    "at the ends": lambda z: np.clip(0.5 + z, 0, 1),
}


def binary(said: str, n: int = ROWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """float32 scores and labels."""
    random = np.random.default_rng(seed)
    z = random.normal(size=n)
    return np.float64(np.float32(SAID[said](z))), (random.random(n) < logistic(z)).astype(np.int64)


def multiclass(n: int = ROWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of three classes whose odds are the cube of what they should be."""
    random = np.random.default_rng(seed)
    odds = np.exp(random.normal(size=(n, 3)))
    shares = odds / odds.sum(axis=1, keepdims=True)
    y = (random.random((n, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=2)
    return odds**3 / (odds**3).sum(axis=1, keepdims=True), y


def times(n: int) -> pd.DataFrame:
    return pd.DataFrame({"at": pd.date_range("2013-01-01", periods=n, freq="min", tz="UTC")})


def fitted(scores: np.ndarray, y: np.ndarray, wanted: str = "auto", imbalance: str = "weights") -> Calibrator:
    task = "binary" if scores.ndim == 1 else "multiclass"
    spec = task_spec(task, trainer={"calibration": wanted, "imbalance": imbalance})
    return calibration.calibrator(spec, times(len(y)), scores, y)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("said", SAID)
def test_what_it_says_is_more_often_right_and_ranks_as_before(said: str, method: str) -> None:
    scores, y = binary(said, seed=1)
    now = fitted(*binary(said), method).apply(scores)
    assert log_losses(y, now).mean() < log_losses(y, scores).mean() - 0.005
    assert calibration_error(y, now) < calibration_error(y, scores) / 2
    assert abs(roc_area(y == 1, now) - roc_area(y == 1, scores)) < 1e-3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("said", SAID)
def test_a_higher_score_is_a_higher_probability_and_none_is_certain(said: str, method: str) -> None:
    scores = np.linspace(0, 1, 5001)
    probabilities = fitted(*binary(said), method).apply(scores)
    assert (np.diff(probabilities) > 0).all()
    assert probabilities[0] > 0
    assert probabilities[-1] < 1
    assert (np.diff(probabilities) / np.diff(scores)).max() <= calibration.STEEPEST * 1.001


def test_scores_that_are_right_stay_as_they_are() -> None:
    random = np.random.default_rng(3)
    z = random.normal(size=ROWS)
    made = fitted(logistic(z), (random.random(ROWS) < logistic(z)).astype(np.int64))
    assert (made.method, made.curves) == ("none", ())
    assert "log loss on 6,000 validation rows" in made.why


@pytest.mark.parametrize("method", METHODS)
def test_without_weights_the_mean_answer_stays_and_what_is_too_sure_is_repaired(method: str) -> None:
    """A window of few days has its own share of positives, which is no reason to expect it again."""
    random = np.random.default_rng(0)
    z = random.normal(size=ROWS)
    scores, y = logistic(3 * z), (random.random(ROWS) < logistic(z - 1)).astype(np.int64)
    made = fitted(scores, y, method, imbalance="none")
    assert made.apply(scores).mean() == pytest.approx(scores.mean(), abs=0.005)
    usual = (random.random(ROWS) < logistic(z)).astype(np.int64)
    assert log_losses(usual, made.apply(scores)).mean() < log_losses(usual, scores).mean() - 0.1


def test_the_simpler_method_is_taken_unless_the_other_is_clearly_better() -> None:
    assert fitted(*binary("too sure")).method == "sigmoid"
    assert fitted(*binary("at the ends", 20_000)).method == "isotonic"


def test_it_is_fitted_on_other_stretches_of_time_than_it_is_judged_on() -> None:
    """A share of positives that changes from stretch to stretch cannot be repaired by what the others say."""
    n, random = 2000, np.random.default_rng(0)
    late = np.arange(n) * 10 // n % 2
    y = (random.random(n) < np.where(late, 0.9, 0.1)).astype(np.int64)
    scores = np.where(late, 0.9, 0.1) + random.normal(0, 0.01, n)
    shuffled = random.permutation(n)
    spec = task_spec("binary")
    made = calibration.calibrator(spec, times(n).iloc[shuffled], scores[shuffled], y[shuffled])
    assert made.why == calibration.calibrator(spec, times(n), scores, y).why
    assert made.method == "none"


@pytest.mark.parametrize(
    ("rows", "positive", "wanted", "why"),
    [
        (150, 70, "auto", "150 validation rows, 70 of the rarest class; it takes 200 and 20"),
        (5000, 10, "auto", "5,000 validation rows, 10 of the rarest class; it takes 200 and 20"),
        (900, 300, "isotonic", "900 validation rows, 300 of the rarest class; it takes 1,000 and 100"),
        (900, 300, "none", "trainer.calibration says so"),
    ],
)
def test_too_few_rows_calibrate_nothing_and_it_says_so(rows: int, positive: int, wanted: str, why: str) -> None:
    y = (np.arange(rows) < positive).astype(np.int64)
    made = fitted(np.linspace(0.9, 0.1, rows), y, wanted)
    assert (made.method, made.curves) == ("none", ())
    assert why in made.why


def test_scores_that_do_not_rank_keep_their_order_and_get_the_share() -> None:
    random = np.random.default_rng(0)
    scores = random.random(2000)
    made = fitted(scores, (random.random(2000) < 0.3 - 0.2 * scores).astype(np.int64), "sigmoid")
    np.testing.assert_allclose(made.apply(np.array([0.2, 0.8])), 0.2, atol=0.03)


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_classes_are_calibrated_each_and_add_up_to_one(method: str) -> None:
    (scores, y), made = multiclass(seed=1), fitted(*multiclass(), method)
    said = made.apply(scores)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert log_losses(y, said).mean() < log_losses(y, scores).mean() - 0.05
    assert len(made.curves) == 3


def graph(width: int, opset: int = 15) -> bytes:
    """Its output has a column before the scores, as that of trees has."""
    node = helper.make_node("Identity", ["input"], ["scores"])
    given, told = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, width]) for n in ("input", "scores"))
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(helper.make_graph([node], "g", [given], [told]), opset_imports=imports)
    model.ir_version = 8
    return model.SerializeToString()


@pytest.mark.parametrize("opset", [11, 15, 18])
@pytest.mark.parametrize("method", METHODS)
def test_the_graph_says_what_python_says(method: str, opset: int) -> None:
    random = np.random.default_rng(0)
    for made, width in ((fitted(*binary("too sure"), method), 2), (fitted(*multiclass(), method), 3)):
        scores = np.vstack([random.random((500, width)), np.zeros((1, width)), np.ones((1, width))]).astype(np.float32)
        content = calibrated(graph(width, opset), made.curves)
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        expected = made.apply(np.float64(scores if width == 3 else scores[:, -1]))
        (said,) = session.run(None, {"input": scores})
        np.testing.assert_allclose(said.reshape(expected.shape), expected, atol=1e-6)
        assert onnx.load_from_string(content).graph.output[-1].type.tensor_type.elem_type == TensorProto.FLOAT


def test_it_is_read_as_it_was_written() -> None:
    made = fitted(*multiclass())
    assert Calibrator.model_validate_json(made.model_dump_json()) == made
    assert calibrated(b"graph", UNCALIBRATED.curves) == b"graph"
