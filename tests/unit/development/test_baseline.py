"""The predictors that any model must beat."""

from dataclasses import replace

import numpy as np
import pytest

from include.development.baseline import fit_baseline
from include.development.trainers.protocol import Matrix
from include.errors import TrainingError
from include.evaluation.metrics import score
from include.specification.learning import Baseline
from include.specification.usecase import UseCase
from tests.unit.development.frames import flight_spec
from tests.unit.development.trainers.trainer_cases import CASES, PLAIN, SERIES, TABLE, TEXT, Case, rows

LABELLED = [Case("xgboost", inputs, task, {}) for inputs in (TABLE, SERIES, TEXT) for task in ("binary", "regression")]
CLUSTERS = Case("sklearn", PLAIN, "clustering", {})


def spec(case: Case, kind: str, feature: str | None = None) -> UseCase:
    """The flights' spec with another task and baseline."""
    found = flight_spec()
    baseline = Baseline.model_construct(kind=kind, feature=feature)
    trainer = found.trainer.model_copy(update={"baseline": baseline, "parameters": case.parameters})
    return found.model_copy(update={"task": case.task, "trainer": trainer})


@pytest.mark.parametrize("case", [c for c in CASES if c.name == "xgboost"], ids=repr)
def test_the_prior_says_the_average(case: Case) -> None:
    train = rows(case)
    said = fit_baseline(spec(case, "prior"), case.problem, train).predict(train.X)
    if case.task == "multiclass":
        assert said.shape == (400, 3)
        np.testing.assert_allclose(said.sum(axis=1), 1)
        assert said[0, 2] == np.mean(train.y == 2)
    else:
        np.testing.assert_array_equal(said, np.full(400, train.y.mean()))


@pytest.mark.parametrize("case", [*LABELLED, Case("xgboost", TABLE, "multiclass", {})], ids=repr)
def test_linear_beats_the_prior_where_it_can(case: Case) -> None:
    train, held = rows(case), rows(case, 300, seed=4)
    said = {k: fit_baseline(spec(case, k), case.problem, train).predict(held.X) for k in ("prior", "linear")}
    metric = "rmse" if case.task == "regression" else "log_loss"
    losses = {kind: score(metric, held.y, scores) for kind, scores in said.items()}
    limit = 1.1 if case.inputs is TEXT else 0.8  # it leaves texts out, and here they say everything
    assert losses["linear"] < limit * losses["prior"]


def test_linear_answers_for_classes_that_training_never_had() -> None:
    case = Case("xgboost", TABLE, "multiclass", {})
    train = rows(case)
    known = train.y != 1
    said = fit_baseline(spec(case, "linear"), case.problem, Matrix(train.X[known], train.y[known])).predict(train.X)
    assert said.shape == (400, 3)
    assert not said[:, 1].any()


def test_seasonal_says_what_the_feature_is() -> None:
    case = Case("torch_sequence", SERIES, "forecasting", {})
    train = rows(case)
    train.X[:3, 10] = np.nan
    baseline = fit_baseline(spec(case, "seasonal", "temp_2"), case.problem, train)
    said = baseline.predict(train.X)
    np.testing.assert_array_equal(said[3:], train.X[3:, 10].astype(np.float64))
    np.testing.assert_array_equal(said[:3], np.full(3, train.y.mean()))
    assert "temp_2" in baseline.describe()


def test_seasonal_says_the_feature_itself_where_the_model_reads_it_less_its_centre() -> None:
    case = Case("torch_sequence", SERIES, "forecasting", {})
    train = rows(case)
    inputs = tuple(one._replace(centre=1e8) if one.name == "temp_2" else one for one in case.problem.inputs)
    seasonal = fit_baseline(spec(case, "seasonal", "temp_2"), replace(case.problem, inputs=inputs), train)
    np.testing.assert_array_equal(seasonal.predict(train.X), train.X[:, 10].astype(np.float64) + 1e8)


@pytest.mark.parametrize("parameters", [{}, {"clusters": 3}])
def test_clusters_by_chance_are_defined_and_slices_are_better(parameters: dict[str, int]) -> None:
    case = CLUSTERS._replace(parameters=parameters)
    train, held = rows(case), rows(case, 300, seed=4)
    space = np.nan_to_num(held.X).astype(np.float64)
    found = {k: fit_baseline(spec(case, k), case.problem, train).predict(held.X) for k in ("prior", "linear")}
    assert {scores.shape for scores in found.values()} == {(300, parameters.get("clusters", 4))}
    quality = {kind: score("silhouette", space, scores) for kind, scores in found.items()}
    assert quality["prior"] < 0.1 < quality["linear"]


@pytest.mark.parametrize("case", [CLUSTERS, Case("xgboost", TABLE, "binary", {})], ids=repr)
def test_a_season_is_for_numbers(case: Case) -> None:
    with pytest.raises(TrainingError, match=f"'seasonal' is not for {case.task}; choose prior or linear"):
        fit_baseline(spec(case, "seasonal", "x0"), case.problem, rows(case))


@pytest.mark.parametrize("kind", ["prior", "linear"])
@pytest.mark.parametrize("case", [LABELLED[0], CLUSTERS], ids=repr)
def test_it_says_what_it_does(kind: str, case: Case) -> None:
    assert fit_baseline(spec(case, kind), case.problem, rows(case)).describe().startswith("The baseline ")
