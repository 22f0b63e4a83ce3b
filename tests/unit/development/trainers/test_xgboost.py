"""What is XGBoost's own; what every trainer must do is in ``test_trainers.py``."""

from typing import Any

import numpy as np
import pytest

from include.development.trainers.protocol import Input, Matrix, Problem, Run, merged
from include.development.trainers.registry import trainer
from include.development.trainers.xgboost import XGBoostModel, XGBoostTrainer
from include.errors import TrainingError

PROBLEM = Problem("binary", tuple(Input(f"x{i}", "numeric") for i in range(4)), 2)
CARRIERS = ("AA", "UA")


def matrix(rows: int, seed: int) -> Matrix:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 4)).astype(np.float32)
    y = (X[:, 0] + random.normal(size=rows) > 0).astype(np.int8)
    X[::11, 1] = np.nan
    return Matrix(X, y)


def fit(rows: int = 2000, problem: Problem = PROBLEM, run: Run | None = None, **parameters: Any) -> XGBoostModel:
    return XGBoostTrainer().fit(problem, matrix(rows, 0), matrix(500, 1), parameters, run or Run())


@pytest.fixture(scope="module")
def fitted() -> XGBoostModel:
    return fit(early_stopping_rounds=5)


def test_threads_do_not_change_the_bytes(fitted: XGBoostModel) -> None:
    assert fit(run=Run(threads=2), early_stopping_rounds=5).save() == fitted.save()


def test_the_seed_counts_where_chance_does() -> None:
    models = [fit(500, subsample=0.5, n_estimators=60, seed=seed).save() for seed in (1, 1, 2)]
    assert models[0] == models[1] != models[2]


def test_only_the_trees_up_to_the_best_are_kept(fitted: XGBoostModel) -> None:
    losses = [point["validation"] for point in fitted.curve]
    assert 1 <= fitted.describe()["trees"] == int(np.argmin(losses)) + 1 == len(losses) - 5
    assert fit(early_stopping_rounds=0).describe()["trees"] == 200


def test_contributions_add_up_to_the_log_odds(fitted: XGBoostModel) -> None:
    X = matrix(100, 2).X
    p = fitted.predict(X)
    np.testing.assert_allclose(fitted.contributions(X).sum(axis=1), np.log(p / (1 - p)), atol=1e-4)


def test_contributions_of_classes_add_up_to_their_margins() -> None:
    random = np.random.default_rng(3)
    X = random.normal(size=(300, 4)).astype(np.float32)
    part = Matrix(X, np.digitize(X[:, 0], [-0.5, 0.5]))
    problem = Problem("multiclass", PROBLEM.inputs, 3)
    model = XGBoostTrainer().fit(problem, part, part, {"n_estimators": 10}, Run())
    margins = model.contributions(X).sum(axis=2)
    assert model.contributions(X).shape == (300, 3, 5)
    odds = np.exp(margins - margins.max(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict(X), odds / odds.sum(axis=1, keepdims=True), atol=1e-5)
    assert model.describe()["trees"] == 30


def test_it_boosts_on_from_the_trees_of_the_champion() -> None:
    champion = fit(n_estimators=10, early_stopping_rounds=0)
    longer = fit(run=Run(start=champion), n_estimators=5, early_stopping_rounds=0)
    assert longer.describe()["trees"] == 15
    assert longer.booster[:10].get_dump() == champion.booster.get_dump()
    assert [point["step"] for point in longer.curve] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("values", [("AA", "UA"), ("AA", "UA", "WN")], ids=["same", "one more"])
def test_it_goes_on_while_the_codes_mean_the_same(values: tuple[str, ...]) -> None:
    champion = fit(500, problem=with_carrier(CARRIERS), n_estimators=2)
    assert fit(500, problem=with_carrier(values), run=Run(start=champion), n_estimators=2).curve


@pytest.mark.parametrize("values", [("AA", "B6", "UA"), ("AA",)], ids=["shifted", "gone"])
def test_it_does_not_go_on_when_codes_mean_something_else(values: tuple[str, ...]) -> None:
    champion = fit(500, problem=with_carrier(CARRIERS), n_estimators=2)
    with pytest.raises(TrainingError, match=r"cannot continue from trees of .* with other categories"):
        fit(500, problem=with_carrier(values), run=Run(start=champion), n_estimators=2)


def with_carrier(values: tuple[str, ...]) -> Problem:
    carrier = Input("carrier", "categorical", 1, len(values), values=values)
    return Problem("binary", (*PROBLEM.inputs[:3], carrier), 2)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"eval_metric": "auc"}, "'auc' is not a value of eval_metric; allowed: auto"),
        ({"device": "tpu"}, "'tpu' is not a value of device"),
    ],
)
def test_words_must_be_known(parameters: dict[str, str], said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        fit(100, **parameters)


def test_an_unknown_trainer_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"no trainer 'forest'; there are: .*sklearn, torch_image, .* xgboost, own"):
        trainer("forest")


def test_later_parameters_win() -> None:
    assert merged(XGBoostTrainer(), {"max_depth": 3}, {"max_depth": 4})["max_depth"] == 4
