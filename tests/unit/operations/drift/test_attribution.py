"""Attribution drift: a feature that no longer moves the answers is seen, months like the test set are not."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.deployment.scoring import OnnxModel
from include.development.datasets.encoder import Encoder
from include.development.trainers.protocol import Matrix, Problem, Run
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel
from include.operations.drift import attribution, drift
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.windows.scope import Scope
from include.operations.windows.window import Answering, Window
from include.specification.usecase import UseCase
from tests.unit.development.tasks import rows, task_spec
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.operations import monitored_world, task_worlds

SPEC, BASELINE = monitored_world.SPEC, monitored_world.baseline()
JUNE = Period("2013-06")
Change = Callable[[pd.DataFrame], pd.DataFrame]


def month(seed: int, change: Change = pd.DataFrame.copy, days: int = 30, count: int = 1200) -> pd.DataFrame:
    """Answers of ``days`` days; the mean of x differs from day to day."""
    log, _ = monitored_world.month(seed, n=count)
    day = np.arange(count) * days // count
    times = pd.Timestamp("2013-06-01 12:00", tz="UTC") + pd.to_timedelta(day, unit="D")
    of_day = np.random.default_rng(seed + 1000).normal(scale=0.3, size=days)
    return change(log.assign(**{SPEC.event.time: times, "x": log["x"] + of_day[day]}))


def yes_or_no(X: np.ndarray) -> np.ndarray:
    """By x and origin; a missing x is worth as much as 2."""
    x, origin = np.where(np.isnan(X[:, 0]), 2.0, X[:, 0]), X[:, 1]
    return 1 / (1 + np.exp(-(1.5 * x + 1.0 * origin - 1)))


def answering(frame: pd.DataFrame, scores: Callable[[np.ndarray], np.ndarray], spec: UseCase = SPEC) -> tuple:
    encoder = Encoder.fit(frame, spec.features)
    return Answering(encoder.transform, scores), encoder.to_json()["features"]


@cache
def of_test_set(scores: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    """What the month with seed 0 keeps."""
    model, entries = answering(month(0), scores)
    return attribution.of_test_set(SPEC, entries, model, month(0))


def drift_of(
    asked: pd.DataFrame, scores: Callable[[np.ndarray], np.ndarray] = yes_or_no, described: Any = None
) -> dict[str, Figure]:
    """Subject → figure of the month ``asked``, against the month with seed 0 as the test set."""
    model = answering(month(0), scores)[0]
    kept = of_test_set(scores) if described is None else described
    truth = pd.DataFrame({"flight_id": asked["flight_id"], "late": None})
    described = BASELINE | ({"attributions": kept} if kept else {})
    figures = measure(SPEC, "r0001", described, WindowInputs(predictions=asked, events=truth, period=JUNE, model=model))
    return {f.subject: f for f in figures if f.name == attribution.NAME}


def test_months_like_the_test_set_stay_below_the_floor() -> None:
    for seed in (1, 2):
        drift = drift_of(month(seed))
        assert {*drift} == {"x", "origin", ""}
        assert drift[""].is_noise
        assert drift[""].state == "judged"
        assert drift["x"].low < 0 < drift["x"].high
        assert drift["x"].value == pytest.approx(-drift["origin"].value), "shares sum to 1"
        assert drift["x"].n == attribution.MOST
        assert 1 < drift["x"].effective_n <= attribution.MOST


def test_a_feature_whose_effect_vanished_is_seen() -> None:
    drift = drift_of(month(1, lambda log: log.assign(x=0.0)))
    assert drift["x"].high < -0.5
    assert drift["origin"].low > 0.5
    assert drift[""].value == pytest.approx(-drift["x"].value)
    assert drift[""].beyond(0.1)


def test_missing_values_have_an_effect() -> None:
    drift = drift_of(month(1, lambda log: log.assign(x=log["x"].where(log.index % 2 == 0))))
    assert drift["x"].low > 0
    assert not drift[""].is_noise


def test_a_feature_that_is_constant_in_the_test_set_has_no_share() -> None:
    test = month(0, lambda log: log.assign(x=1.0))
    model, entries = answering(test, yes_or_no)
    kept = attribution.of_test_set(SPEC, entries, model, test)
    assert np.sum(kept["sums"], axis=0)[0] == 0
    assert drift_of(month(1), described=kept)["x"].low > 0


def test_a_model_that_says_the_same_for_all_rows_is_constant() -> None:
    drift = drift_of(month(1), lambda X: np.full(len(X), 0.3))
    assert {(f.value, f.state, f.note) for f in drift.values()} == {(0.0, "constant", "no answer depends on a feature")}


@pytest.mark.parametrize(
    ("days", "count", "note"),
    [(30, 40, "needs 50 rows, has 40"), (1, 100, "needs 10 hours, has 1")],
)
def test_few_rows_or_blocks_are_too_few(days: int, count: int, note: str) -> None:
    drift = drift_of(month(1, days=days, count=count))
    assert {(f.state, f.note) for f in drift.values()} == {("too few", note)}


def test_a_release_that_kept_no_attributions_has_no_figure() -> None:
    assert drift_of(month(1), described={}) == {}


def test_the_same_rows_give_the_same_figures_in_any_order() -> None:
    log = month(3, count=300)
    assert drift_of(log) == drift_of(log.sample(frac=1.0, random_state=1))


def test_classes_are_averaged_and_a_tensor_is_one_feature() -> None:
    test, june = task_worlds.multiclass(seed=1), task_worlds.multiclass(seed=2)
    spec = test.spec

    def of_three(X: np.ndarray) -> np.ndarray:
        odds = np.exp(np.stack([X[:, 0] + X[:, 1], X[:, 4], np.zeros(len(X))], axis=1))
        return odds / odds.sum(axis=1, keepdims=True)

    model, entries = answering(test.log, of_three, spec)
    kept = attribution.of_test_set(spec, entries, model, test.log)
    assert kept["columns"] == {"pixels": [0, 1, 2, 3], "x": [4]}
    described = test.baseline(accuracy=0.9) | {"attributions": kept}
    given = partial(WindowInputs, events=june.events, period=JUNE, model=model)
    still = june.log.assign(x=float(kept["reference"][4]))
    like, other = (
        {f.subject: f for f in measure(spec, "r0001", described, given(log)) if f.name == attribution.NAME}
        for log in (june.log, still)
    )
    assert {*like} == {"pixels", "x", ""}
    assert like[""].is_noise
    assert other["x"].high < 0
    assert not other[""].is_noise


def test_words_of_a_text_are_one_feature() -> None:
    features = [
        {"name": "x", "kind": "numeric", "from": "on_request"},
        {"name": "note", "kind": "text", "from": "on_request", "length": 4},
    ]
    spec = small_spec(features=features)
    frame = month(0).assign(note=lambda log: np.where(log["origin"] == "JFK", "heavy snow", "clear sky today"))
    model, entries = answering(frame, lambda X: X[:, 0] + (X[:, 1] == X[0, 1]), spec)
    kept = attribution.of_test_set(spec, entries, model, frame)
    assert {name: len(columns) for name, columns in kept["columns"].items()} == {"x": 1, "note": entries[1]["length"]}


def test_the_floor_is_that_of_whole_days() -> None:
    """Days that differ more have a higher floor, though there are as many rows."""
    alike = month(1, lambda log: log.assign(x=monitored_world.month(1, n=len(log))[0]["x"]))
    days = (month(1)[SPEC.event.time].dt.day % 2).to_numpy()
    differing = alike.assign(x=np.where(days == 1, 0.1 * alike["x"], 2 * alike["x"]))
    assert drift_of(differing)[""].floor > 1.3 * drift_of(alike)[""].floor


def test_the_packaged_model_of_a_trainer_is_explained_as_the_trained_one_was() -> None:
    """A number, a category, a tensor, a text, and a number that does nothing, half of it missing."""
    spec, test, june = task_spec("binary"), rows("binary", 300, 0), rows("binary", 300, 1)
    encoder = Encoder.fit(test, spec.features)
    matrix = Matrix(encoder.transform(test), test["label"].to_numpy())
    problem = Problem("binary", encoder.inputs, 2)
    fitted = trainer("xgboost").fit(problem, matrix, matrix, {"n_estimators": 20}, Run())
    trained = TrainedModel(spec.name, "v1", "xgboost", "binary", 2, encoder, fitted)
    entries = trained.encoding()["features"]
    kept = attribution.of_test_set(spec, entries, Answering(encoder.transform, trained.scores), test)
    assert [*kept["columns"]] == ["strength", "place", "signal", "note", "idle"]
    packaged = OnnxModel(trained.onnx(), trained.encoding(), table=False, width=1)
    answers = Answering(packaged.encode, packaged.scores)
    baseline = drift.baseline(spec, test, trained.predict(test), {}) | {"attributions": kept}

    def drift_in(asked: pd.DataFrame) -> dict[str, Figure]:
        window = Window(Scope(spec, "r0001", JUNE), baseline, asked, asked, {}, None, (), model=answers)
        return {f.subject: f for f in attribution.figures(window)}

    again, like, stuck = drift_in(test), drift_in(june), drift_in(june.assign(strength=0.0))
    assert max(abs(f.value) for f in again.values()) < 1e-4
    assert like[""].is_noise
    assert stuck["strength"].high < 0
    assert not stuck[""].is_noise
