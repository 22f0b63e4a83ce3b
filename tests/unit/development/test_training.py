"""An order is searched and fitted once, from scratch or from a champion's weights."""

from pathlib import Path

import pytest

from include.contracts.development import DatasetRef, TrialRecord
from include.development import training
from include.development.datasets.encoded import Parts, read
from include.development.environment import environment
from include.development.order import Fit, Order, Workspace
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel
from include.development.training_key import search_key, training_key
from include.errors import NotFoundError, TrainingError
from tests.unit.development.frames import build, flight_spec, started_from
from tests.unit.fakes.state import MemoryLocks

QUICK = {"n_estimators": 15, "max_depth": 3}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return build(tmp_path_factory.mktemp("datasets"))


def fitted(dataset: DatasetRef, parts: Parts, run: Run) -> TrainedModel:
    return training.fit(flight_spec(), dataset, parts, training.parameters_of(flight_spec(), QUICK), run)


@pytest.fixture(scope="module")
def model(dataset: DatasetRef) -> TrainedModel:
    return fitted(dataset, read(flight_spec(), dataset), Run(1))


def test_threads_do_not_change_the_model(dataset: DatasetRef, model: TrainedModel) -> None:
    assert fitted(dataset, read(flight_spec(), dataset), Run(2)).to_bytes() == model.to_bytes()


def test_a_champions_categories_keep_their_codes(dataset: DatasetRef, model: TrainedModel) -> None:
    fewer = TrainedModel.from_bytes(model.to_bytes())
    carrier = next(entry for entry in fewer.encoder.features if entry["name"] == "carrier")
    carrier["categories"] = ["ZZ", "UA"]
    features = read(flight_spec(), dataset, fewer.encoder).encoder.to_json()["features"]
    assert next(e["categories"] for e in features if e["name"] == "carrier") == ["ZZ", "UA", "AA", "DL"]


def test_the_fit_goes_on_from_a_champions_weights(dataset: DatasetRef, model: TrainedModel) -> None:
    start = training.start_of(flight_spec(), model.to_bytes())
    assert start is not None
    further = fitted(dataset, read(flight_spec(), dataset, start.encoder), Run(1, None, model.fitted))
    assert further.fitted.describe()["trees"] > model.fitted.describe()["trees"]


class Ordered:
    """Orders in workspaces of their own."""

    def __init__(self, home: Path, dataset: DatasetRef) -> None:
        self.home, self.dataset = home, dataset

    def place(self, weights: bytes | None = None, **changes: object) -> Workspace:
        order = Order.model_validate({"dataset": self.dataset, "parameters": QUICK, **changes})
        workspace = Workspace(self.home / training_key(flight_spec(), order), MemoryLocks())
        workspace.write_order(order.model_copy(update={"search": search_key(flight_spec(), order)}), weights)
        return workspace

    def train(self, workspace: Workspace) -> Fit:
        return training.train(flight_spec(), workspace, 1, environment("abc"))


@pytest.fixture
def ordered(tmp_path: Path, dataset: DatasetRef) -> Ordered:
    return Ordered(tmp_path, dataset)


def test_a_fit_leaves_a_model_and_what_belongs_to_it(ordered: Ordered, model: TrainedModel) -> None:
    workspace = ordered.place()
    ordered.train(workspace)
    content, fit = workspace.fit()
    assert content == model.to_bytes()
    assert fit.parameters["n_estimators"] == 15
    assert fit.environment["revision"] == "abc"
    assert len(fit.environment["lock"]) == 64
    assert set(fit.cost) == {"read", "search", "fit"}
    assert all(cost.peak_mb > 10 for cost in fit.cost.values())
    assert fit.tuning.gain is None


def test_a_repeated_fit_is_found_and_an_interrupted_one_made_again(ordered: Ordered) -> None:
    workspace = ordered.place()
    first = ordered.train(workspace)
    assert ordered.train(workspace) == first, "the same costs: it did not run again"
    (workspace.path / "fit.json").unlink()
    assert ordered.train(workspace).artifact_hash == first.artifact_hash


def test_a_search_is_shared_and_ends_with_the_fit(ordered: Ordered) -> None:
    trials: list[TrialRecord] = []
    workspace = ordered.place(trials=3, sampler="random")
    training.search(flight_spec(), workspace, 1, trials.append)
    tuning = ordered.train(workspace).tuning
    assert len(trials) == 3
    assert tuning.complete + tuning.pruned + tuning.failed == 3
    assert trials[0].parameters["max_depth"] == QUICK["max_depth"]


def test_a_champion_of_another_kind_cannot_be_started_from(ordered: Ordered, model: TrainedModel) -> None:
    foreign = TrainedModel.from_bytes(model.to_bytes())
    object.__setattr__(foreign, "task", "regression")
    workspace = ordered.place(foreign.to_bytes(), start=started_from(ordered.dataset, "0" * 64))
    with pytest.raises(TrainingError, match=r"the champion is a xgboost for regression on .* start_from: scratch"):
        ordered.train(workspace)


def test_what_was_not_ordered_is_not_found(tmp_path: Path, ordered: Ordered) -> None:
    with pytest.raises(NotFoundError, match=r"order\.json does not exist: clear the training from build_dataset on"):
        ordered.train(Workspace(tmp_path / "nothing", MemoryLocks()))
