"""The XGBoost trainer by itself."""

import numpy as np
import pytest

from include.development.trainers.protocol import Matrix, merged
from include.development.trainers.registry import trainer
from include.development.trainers.xgboost import XGBoostModel, XGBoostTrainer
from include.errors import TrainingError


def matrix(rows: int, seed: int) -> Matrix:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 4)).astype(np.float32)
    y = (X[:, 0] + random.normal(size=rows) > 0).astype(np.int8)
    X[::11, 1] = np.nan
    return Matrix(X, y)


@pytest.fixture(scope="module")
def fitted() -> XGBoostModel:
    return XGBoostTrainer().fit(matrix(2000, 0), matrix(500, 1), {"early_stopping_rounds": 5}, threads=1)


def test_threads_do_not_change_the_bytes(fitted: XGBoostModel) -> None:
    again = XGBoostTrainer().fit(matrix(2000, 0), matrix(500, 1), {"early_stopping_rounds": 5}, threads=2)
    assert again.save() == fitted.save()


def test_the_seed_counts_where_chance_does() -> None:
    models = [
        XGBoostTrainer().fit(matrix(500, 0), matrix(200, 1), {"subsample": 0.5, "seed": seed}, threads=1).save()
        for seed in (1, 1, 2)
    ]
    assert models[0] == models[1] != models[2]


def test_only_the_trees_up_to_the_best_are_kept(fitted: XGBoostModel) -> None:
    assert 1 <= fitted.describe()["trees"] < 100
    whole = XGBoostTrainer().fit(matrix(2000, 0), matrix(500, 1), {"early_stopping_rounds": 0}, threads=1)
    assert whole.describe()["trees"] == 200


def test_contributions_add_up_to_the_log_odds(fitted: XGBoostModel) -> None:
    X = matrix(100, 2).X
    p = fitted.predict(X)
    np.testing.assert_allclose(fitted.contributions(X).sum(axis=1), np.log(p / (1 - p)), atol=1e-4)


def test_foreign_bytes_are_refused() -> None:
    with pytest.raises(TrainingError, match="5 bytes are not an XGBoost model"):
        XGBoostTrainer().load(b"hello")


def test_an_unknown_trainer_is_refused() -> None:
    with pytest.raises(TrainingError, match="no trainer 'forest'; there are: xgboost"):
        trainer("forest")


def test_later_parameters_win() -> None:
    assert merged(XGBoostTrainer(), {"max_depth": 3}, {"max_depth": 4})["max_depth"] == 4
