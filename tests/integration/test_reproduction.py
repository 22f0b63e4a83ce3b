"""A registered model is trained again from its record alone, and answers the same."""

import shutil

import pytest

from include.commands.reproduce import reproduction
from include.contracts.calendar import Span
from include.contracts.development import ModelRef
from include.contracts.period import Period
from include.development.order import Order
from include.errors import DataError, NotFoundError
from include.loop import training
from include.services.composition import Services
from include.settings import Settings
from include.specification.learning import Behaviour, Trainer
from tests.integration.test_rebuild import SPEC as FLIGHTS
from tests.integration.test_rebuild import World

pytestmark = pytest.mark.integration
SPEC = FLIGHTS.model_copy(update={"behaviour": Behaviour()})  # made-up rows: rain means nothing in them
PERIODS = Period.between(Period("2013-01"), Period("2013-03"))
TREES = {"n_estimators": 20, "subsample": 0.7, "seed": 3}
NET = {"epochs": 2}


class Trained:
    """Models on the months of a world."""

    def __init__(self, world: World, services: Services) -> None:
        self.world, self.services = world, services
        self.dataset = world.build(PERIODS[-1])

    def train(self, trainer: Trainer, **changes: object) -> ModelRef:
        spec = SPEC.model_copy(update={"trainer": trainer})
        asked = Order.model_validate({"dataset": self.dataset, "run": trainer.name, **changes})
        key = training.place(spec, self.services, asked)
        training.fit(spec, self.services, key)
        return training.register(spec, self.services, key)


@pytest.fixture(scope="module")
def trained(mlflow: Settings, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    world = World(tmp_path_factory.mktemp("reproduced"))
    for period in PERIODS:
        world.publish(period)
    return Trained(world, Services(mlflow.model_copy(update={"home": world.home})))


def test_xgboost_comes_out_to_the_last_bit_on_rebuilt_data(trained: Trained) -> None:
    trainer = Trainer(name="xgboost", parameters=TREES, imbalance="weights")
    first = trained.train(trainer)
    shutil.rmtree(trained.world.datasets)
    found = reproduction(SPEC.model_copy(update={"trainer": trainer}), trained.services, first.version)
    assert (found.difference, found.tolerance, found.same_bytes) == (0, 0, True)
    assert found.rows == trained.dataset.test.rows
    assert "\nREPRODUCED" in f"\n{found.describe()}"

    went_on = trained.train(trainer, start=first, run="went on")
    assert went_on.artifact_hash != first.artifact_hash
    found = reproduction(SPEC.model_copy(update={"trainer": trainer}), trained.services, went_on.version)
    assert found.same_bytes


def test_torch_comes_out_within_its_tolerance(trained: Trained) -> None:
    trainer = Trainer(name="torch_tabular", parameters=NET)
    model = trained.train(trainer)
    found = reproduction(SPEC.model_copy(update={"trainer": trainer}), trained.services, model.version)
    assert found.difference <= found.tolerance == 1e-5
    assert found.reproduced


def test_other_parameters_in_the_record_are_told_by_other_answers(trained: Trained) -> None:
    trainer = Trainer(name="xgboost", parameters=TREES)
    model = trained.train(trainer, run="other")
    fit = trained.services.adapters.tracker.document(model, "fit.json")
    trained.services.adapters.tracker.add_document(
        model, "fit.json", fit.replace('"n_estimators": 20', '"n_estimators": 10')
    )
    found = reproduction(SPEC.model_copy(update={"trainer": trainer}), trained.services, model.version)
    assert found.difference > 0
    assert found.describe().endswith("NOT REPRODUCED")


def test_what_cannot_be_told_is_said(trained: Trained) -> None:
    with pytest.raises(NotFoundError, match="version 99"):
        reproduction(SPEC, trained.services, 99)
    made = trained.services.adapters.tracker.log_training(SPEC.name, trained.dataset, b"m", {}, {}, {})
    with pytest.raises(NotFoundError, match=f"flight_delay/{made.version} has no record of its order and fit"):
        reproduction(SPEC, trained.services, made.version)
    model = trained.train(Trainer(name="xgboost", parameters=TREES), run="changed spec")
    shutil.rmtree(trained.world.datasets)
    split = SPEC.split.model_copy(update={"validation": Span("3 days")})
    with pytest.raises(DataError, match="come out with other content"):
        reproduction(SPEC.model_copy(update={"split": split}), trained.services, model.version)
