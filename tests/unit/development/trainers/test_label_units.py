"""Targets with a large offset, or a tiny spread: every trainer learns them as well as plain ones, in every form."""

import io

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.linear_model import ElasticNet

from include.development.baseline import Linear
from include.development.datasets.encoder import Encoder
from include.development.trainers.archive import pack, unpack
from include.development.trainers.ensemble import EnsembleModel
from include.development.trainers.label_units import LabelUnits, ScaledModel
from include.development.trainers.protocol import Fitted, Input, Matrix, Problem, Run
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel
from include.errors import DataError
from include.evaluation.metrics import score
from include.specification.data import Feature
from tests.unit.development.trainers.trainer_cases import CASES, Case, fitted, rows

VALUES = [case for case in CASES if case.problem.facts.predicts == "value"]
RIDGE = next(case for case in VALUES if repr(case) == "sklearn-regression-auto")
TREES = next(case for case in VALUES if case.name == "xgboost")
NETWORK = next(case for case in VALUES if case.name == "torch_tabular")
WORLDS = [(1e7, 2.3), (1e8, 2.3), (-4e-3, 1e-9)]
worlds = pytest.mark.parametrize(("mean", "spread"), WORLDS)


def moved(part: Matrix, mean: float, spread: float) -> Matrix:
    """Labels of ``trainer_cases`` (around 50, 14 apart) in another world."""
    return part._replace(y=(np.asarray(part.y) - 50) / 14 * spread + mean)


def fit(case: Case, mean: float, spread: float, run: Run | None = None) -> Fitted:
    parts = [moved(rows(case, count, seed), mean, spread) for seed, count in enumerate((400, 200))]
    return case.trainer.fit(case.problem, *parts, case.parameters, run or Run())


def r2(case: Case, model: Fitted, mean: float = 50, spread: float = 14) -> float:
    held = moved(rows(case, 300, seed=5), mean, spread)
    return score("r2", held.y, model.predict(held.X))


def said_by_graph(model: Fitted, X: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.onnx(), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": X})[-1].reshape(len(X))


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in VALUES if c.parameters != {"estimator": "elastic_net"}], ids=repr)
def test_a_target_with_a_large_offset_is_learned_as_well_as_a_plain_one(case: Case) -> None:
    mean, spread = WORLDS[1]
    assert r2(case, fit(case, mean, spread), mean, spread) == pytest.approx(r2(case, fitted(case)), abs=0.05)


@worlds
@pytest.mark.parametrize("case", [RIDGE, TREES], ids=repr)
def test_the_graph_and_the_saved_model_lose_no_digits_to_the_offset(case: Case, mean: float, spread: float) -> None:
    model, X = fit(case, mean, spread), rows(case, 100, seed=7).X
    assert np.abs(said_by_graph(model, X) - model.predict(X)).max() <= 1e-6 * spread
    again = case.trainer.load(case.problem, model.save())
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@worlds
def test_an_average_of_models_loses_no_digits_to_the_offset(mean: float, spread: float) -> None:
    members = [fit(case, mean, spread) for case in (RIDGE, TREES)]
    both = EnsembleModel([_trained(case, model) for case, model in zip((RIDGE, TREES), members, strict=True)])
    held = moved(rows(TREES, 300, seed=5), mean, spread)
    X = np.hstack([held.X, held.X])
    assert score("r2", held.y, both.predict(X)) > 0.9
    assert np.abs(said_by_graph(both, X) - both.predict(X)).max() <= 1e-6 * spread
    assert both.spread == pytest.approx(spread, rel=0.2)


def _trained(case: Case, model: Fitted) -> TrainedModel:
    class Columns:
        inputs = case.inputs

    return TrainedModel("u", "s", case.name, case.task, 0, Columns(), model)  # type: ignore[arg-type]


@worlds
def test_the_linear_baseline_learns_a_large_offset_too(mean: float, spread: float) -> None:
    train, held = (moved(rows(RIDGE, n, seed), mean, spread) for n, seed in ((400, 0), (300, 5)))
    assert score("r2", held.y, Linear(RIDGE.problem, train).predict(held.X)) > 0.9


@pytest.mark.parametrize("case", [TREES, NETWORK], ids=repr)
def test_a_fit_that_goes_on_keeps_the_units_of_its_start(case: Case) -> None:
    mean, spread = WORLDS[0]
    start = fit(case, mean, spread)
    model = fit(case, mean + spread, 2 * spread, Run(start=start))
    assert isinstance(start, ScaledModel)
    assert isinstance(model, ScaledModel)
    assert model.units == start.units
    assert r2(case, model, mean + spread, 2 * spread) > 0.8


def test_contributions_add_up_to_the_answer_in_units_of_the_label() -> None:
    model, X = fit(TREES, *WORLDS[1]), rows(TREES, 50, seed=7).X
    together = model.contributions(X).sum(axis=1)  # type: ignore[attr-defined]
    np.testing.assert_allclose(together, model.predict(X), atol=1e-5)


@pytest.mark.parametrize("alpha", [0.5, 3.0])
def test_a_penalty_keeps_its_meaning_in_units_of_the_label(alpha: float) -> None:
    X = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = 10 * X[:, 0] + 4 * X[:, 1] + 7.0
    problem = Problem("regression", (Input("a", "numeric"), Input("b", "numeric")))
    known = {"estimator": "elastic_net", "alpha": alpha, "l1_ratio": 0.7}
    model = trainer("sklearn").fit(problem, Matrix(X, y), Matrix(X, y), known, Run())
    expected = ElasticNet(alpha=alpha, l1_ratio=0.7).fit(X, y).predict(X)
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-3)


def test_a_penalty_of_trees_keeps_its_meaning_in_units_of_the_label() -> None:
    """A gain below ``gamma`` is below it in every unit: a label ten times as large needs 100 times the gamma."""
    case, dumps = TREES, []
    for factor in (1.0, 10.0):
        parts = [moved(rows(case, count, seed), 0.0, 14 * factor) for seed, count in enumerate((400, 200))]
        known = case.parameters | {"gamma": 3000.0 * factor**2, "reg_alpha": 5.0 * factor, "n_estimators": 5}
        model = case.trainer.fit(case.problem, *parts, known, Run())
        assert isinstance(model, ScaledModel)
        dumps.append(len("".join(model.inner.booster.get_dump())))  # type: ignore[attr-defined]
    plain = case.trainer.fit(case.problem, *parts, case.parameters | {"n_estimators": 5}, Run())
    assert dumps[0] == pytest.approx(dumps[1], rel=0.01)
    assert dumps[0] < 0.9 * len("".join(plain.inner.booster.get_dump()))  # type: ignore[attr-defined]


def test_a_network_that_scaled_its_labels_itself_is_still_read() -> None:
    model, X = fitted(NETWORK), rows(NETWORK, 50, seed=7).X
    assert isinstance(model, ScaledModel)
    own = {f"{name}.npy": _npy(value) for name, value in zip(("label_mean", "label_scale"), model.units, strict=True)}
    old = pack(unpack(model.inner.save(), "a model") | own)
    np.testing.assert_allclose(NETWORK.trainer.load(NETWORK.problem, old).predict(X), model.predict(X), rtol=1e-6)


def _npy(value: float) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.float32(value))
    return buffer.getvalue()


def test_labels_that_are_all_equal_are_given_back() -> None:
    units = LabelUnits.of(np.full(5, 1e8))
    assert units == (1e8, 1.0)
    np.testing.assert_array_equal(units.restored(units.scaled(np.array([1e8 + 2, 1e8]))), [1e8 + 2, 1e8])


@pytest.mark.parametrize("case", [RIDGE, TREES], ids=repr)
def test_a_target_is_learned_from_its_own_history_whatever_its_offset(case: Case) -> None:
    random, series = np.random.default_rng(0), np.zeros(900)
    for moment in range(1, len(series)):
        series[moment] = 0.9 * series[moment - 1] + random.normal()
    feature = Feature.model_validate({"name": "before", "kind": "numeric", "from": "history"})
    found = []
    for offset in (0.0, 1e8):
        frame, y = pd.DataFrame({"before": series[:-1] + offset}), series[1:] + offset
        encoder = Encoder.fit(frame[:600], [feature])
        X, problem = encoder.transform(frame), Problem("regression", encoder.inputs)
        train, held = Matrix(X[:600], y[:600]), Matrix(X[600:], y[600:])
        model = case.trainer.fit(problem, train, held, case.parameters, Run())
        found.append(score("r2", y[600:], model.predict(held.X)))
    assert found[1] == pytest.approx(found[0], abs=0.01)
    assert found[1] > 0.6


@pytest.mark.parametrize("size", [1e160, 1e308])
def test_labels_whose_spread_is_no_number_are_refused(size: float) -> None:
    with pytest.raises(DataError, match=r"the 3 training labels lie so far apart .* give the label in a larger unit"):
        LabelUnits.of(np.array([-size, 0.0, size]))
