"""The key of a training, and the fit that it orders."""

import os
from pathlib import Path

import pytest

from include.contracts.development import DatasetRef, ModelRef
from include.development.order import Fit, Order, Workspace
from include.development.trainers.trained_model import TrainedModel
from include.errors import NotFoundError, TrainingError
from include.loop import training_task
from include.settings import Settings, default_environment
from tests.unit.development.frames import build, flight_spec

QUICK = {"n_estimators": 15, "max_depth": 3}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return build(tmp_path_factory.mktemp("datasets"))


def started_from(dataset: DatasetRef, digest: str) -> ModelRef:
    return ModelRef(usecase="flight_delay", version=1, run_id="r", uri="u", artifact_hash=digest, dataset=dataset)


def test_the_key_follows_what_the_model_depends_on(dataset: DatasetRef, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, order = flight_spec(), Order(dataset=dataset, parameters={"max_depth": 3})
    key = training_task.training_key(spec, order)
    assert training_task.training_key(spec, Order.model_validate(order.json_dict())) == key
    changes = [
        {"parameters": {"max_depth": 4}},
        {"trials": 9},
        {"minutes": 1.0},
        {"sampler": "random"},
        {"run": "again"},
        {"start": started_from(dataset, "0" * 64)},
        {"dataset": dataset.model_copy(update={"name": "x"})},
    ]
    others = [training_task.training_key(spec, order.model_copy(update=change)) for change in changes]
    monkeypatch.setattr(training_task, "version", lambda name: "0")
    others.append(training_task.training_key(spec, order))
    assert len({key, *others}) == 9


def test_a_larger_budget_goes_on_with_the_same_search(dataset: DatasetRef) -> None:
    spec, order = flight_spec(), Order(dataset=dataset, trials=3)
    key = training_task.search_key(spec, order)
    assert training_task.search_key(spec, order.model_copy(update={"trials": 9, "minutes": 5.0})) == key
    for change in ({"sampler": "random"}, {"parameters": {"max_depth": 3}}, {"start": started_from(dataset, "1")}):
        assert training_task.search_key(spec, order.model_copy(update=change)) != key


class Ordered:
    """An order below a state root of its own."""

    def __init__(self, home: Path, dataset: DatasetRef) -> None:
        self.settings, self.dataset = Settings(home=home, revision="abc"), dataset

    def place(self, weights: bytes | None = None, **changes: object) -> tuple[str, Workspace]:
        order = Order.model_validate({"dataset": self.dataset, "parameters": QUICK, **changes})
        key = training_task.training_key(flight_spec(), order)
        order = order.model_copy(update={"search": training_task.search_key(flight_spec(), order)})
        workspace = training_task.workspace(self.settings, "flight_delay", key)
        workspace.write_order(order, weights)
        return key, workspace

    def fit(self, **changes: object) -> tuple[bytes, Fit]:
        key, workspace = self.place(**changes)
        training_task.fit(self.settings, flight_spec(), key)
        return workspace.fit()


@pytest.fixture
def ordered(tmp_path: Path, dataset: DatasetRef) -> Ordered:
    return Ordered(tmp_path, dataset)


def test_a_fit_leaves_a_model_and_what_belongs_to_it(ordered: Ordered) -> None:
    content, fit = ordered.fit()
    assert TrainedModel.from_bytes(content).trainer == "xgboost"
    assert fit.parameters["n_estimators"] == 15
    assert fit.environment["revision"] == "abc"
    assert len(fit.environment["lock"]) == 64
    assert set(fit.cost) == {"read", "search", "fit"}
    assert all(cost.peak_mb > 10 for cost in fit.cost.values())
    assert fit.tuning.gain is None


def test_a_repeated_fit_is_found_and_an_interrupted_one_made_again(ordered: Ordered) -> None:
    key, workspace = ordered.place()
    first = training_task.fit(ordered.settings, flight_spec(), key)
    assert training_task.fit(ordered.settings, flight_spec(), key) == first, "the same costs: it did not run again"
    (workspace.path / "fit.json").unlink()
    assert training_task.fit(ordered.settings, flight_spec(), key).artifact_hash == first.artifact_hash


def test_a_search_is_shared_and_ends_with_the_fit(ordered: Ordered) -> None:
    told: list = []
    key, _ = ordered.place(trials=3, sampler="random")
    training_task.search(ordered.settings, flight_spec(), key, told.append)
    fit = training_task.fit(ordered.settings, flight_spec(), key)
    assert len(told) == 3
    assert fit.tuning.complete + fit.tuning.pruned + fit.tuning.failed == 3
    assert told[0].parameters["max_depth"] == QUICK["max_depth"]


def test_a_champion_of_another_kind_cannot_be_started_from(ordered: Ordered) -> None:
    content, fit = ordered.fit()
    foreign = TrainedModel.from_bytes(content)
    object.__setattr__(foreign, "task", "regression")
    key, _ = ordered.place(foreign.to_bytes(), start=started_from(ordered.dataset, fit.artifact_hash))
    with pytest.raises(TrainingError, match=r"the champion is a xgboost for regression on .* start_from: scratch"):
        training_task.fit(ordered.settings, flight_spec(), key)


def test_what_was_not_ordered_is_not_found(ordered: Ordered) -> None:
    with pytest.raises(NotFoundError, match=r"order\.json does not exist: run the training from build_dataset on"):
        training_task.fit(ordered.settings, flight_spec(), "nothing")


def test_a_default_never_overrides_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBIUS_TEST_CHOSEN", "mine")
    monkeypatch.delenv("MOEBIUS_TEST_FREE", raising=False)
    default_environment({"MOEBIUS_TEST_CHOSEN": "yours", "MOEBIUS_TEST_FREE": "yours"})
    assert (os.environ["MOEBIUS_TEST_CHOSEN"], os.environ.pop("MOEBIUS_TEST_FREE")) == ("mine", "yours")
