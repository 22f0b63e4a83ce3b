"""Two trainings by the same record, told apart by their answers."""

import pytest
import torch

from include.contracts.development import DatasetRef
from include.development import training
from include.development.datasets.encoded import Parts, read
from include.development.reproduction import compared
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel
from include.specification.learning import Trainer
from tests.unit.development.frames import build, flight_spec

THEN = {"revision": "abc", "xgboost": "3.2.0"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    torch.set_num_threads(1)
    return build(tmp_path_factory.mktemp("datasets"))


def fitted(dataset: DatasetRef, trainer: Trainer, **parameters: float) -> tuple[TrainedModel, Parts]:
    spec = flight_spec(trainer=trainer)
    parts = read(spec, dataset)
    return training.fit(spec, dataset, parts, training.parameters_of(spec, parameters), Run(1)), parts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trainer", "tolerance"),
    [
        (Trainer(name="xgboost", parameters={"n_estimators": 10, "subsample": 0.7}), 0),
        (Trainer(name="torch_tabular", parameters={"epochs": 1}), 1e-5),
    ],
    ids=["xgboost", "torch"],
)
def test_the_same_record_gives_the_same_answers(dataset: DatasetRef, trainer: Trainer, tolerance: float) -> None:
    (first, parts), (second, _) = fitted(dataset, trainer), fitted(dataset, trainer)
    found = compared(first, second, parts.frames["test"], THEN, THEN)
    assert found.reproduced
    assert found.same_bytes
    assert found.tolerance == tolerance
    assert found.describe().endswith("\nREPRODUCED")


def test_another_seed_is_told_and_what_changed_is_named(dataset: DatasetRef) -> None:
    trainer = Trainer(name="xgboost", parameters={"n_estimators": 10, "subsample": 0.7})
    (first, parts), (second, _) = fitted(dataset, trainer), fitted(dataset, trainer, seed=9)
    found = compared(first, second, parts.frames["test"], THEN, THEN | {"revision": "def"})
    assert found.difference > 0
    assert not found.reproduced
    assert "revision was abc, is def" in found.describe()
    assert found.describe().endswith("\nNOT REPRODUCED")
