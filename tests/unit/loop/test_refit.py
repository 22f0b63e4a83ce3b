"""The refit of an approved model: one version, bound to its proof, and both come out again from their record."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.commands.reproduce import reproduction, with_proof
from include.contracts.development import ModelRef
from include.development import ensembles
from include.development.datasets.parts import read_part
from include.development.order import Fit, Order
from include.development.trainers import torch_fit
from include.development.trainers.protocol import best_step
from include.development.trainers.trained_model import TrainedModel
from include.errors import ApprovalError, TrainingError
from include.governance import approval
from include.loop import training
from include.loop.refit import refit
from include.specification.learning import Trainer, Training
from include.specification.usecase import UseCase
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.approvals import approve
from tests.unit.loop.loop_worlds import SPEC, register
from tests.unit.loop.small_cards import small_cards  # noqa: F401 - a fixture
from tests.unit.loop.test_cycles_of_refits import Store, World, small

pytestmark = pytest.mark.usefixtures("small_cards")

XGBOOST = Trainer(name="xgboost", parameters={"n_estimators": 40, "early_stopping_rounds": 2, "learning_rate": 0.4})
TORCH = Trainer(name="torch_tabular", parameters={"epochs": 6, "patience": 1, "learning_rate": 0.03})
STEPS = {"xgboost": "n_estimators", "torch_tabular": "epochs"}


def spec_of(trainer: Trainer = XGBOOST, **policy: Any) -> UseCase:
    return small().model_copy(update={"trainer": trainer, "training": Training(**{"agreement": 0.5} | policy)})


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(spec_of(), services_in(tmp_path))
    made.services.adapters.feature_store = Store(made.spec)  # type: ignore[misc]
    for period in ("2013-01", "2013-02", "2013-03"):
        made.month(period)
    return made


def judged(world: World, spec: UseCase, run: str = "") -> ModelRef:
    """A registered and approved candidate, which ``ann`` trained."""
    dataset = training.dataset_for(spec, world.services)
    key = training.place(spec, world.services, Order(dataset=dataset, run=run))
    training.fit(spec, world.services, key)
    model = training.register(spec, world.services, key, people=["ann"])
    approve(world.services, spec, model.version)
    return model


def fit_of(world: World, model: ModelRef) -> Fit:
    return Fit.model_validate_json(world.services.adapters.tracker.document(model, "fit.json"))


def ids(model: ModelRef, *parts: str) -> set[str]:
    return {i for part in parts for i in read_part(getattr(model.dataset, part))["flight_id"]}


@pytest.mark.slow
@pytest.mark.parametrize("trainer", [XGBOOST, TORCH], ids=lambda trainer: trainer.name)
def test_it_learns_every_row_as_long_as_its_proof_and_both_come_out_again(world: World, trainer: Trainer) -> None:
    spec, services = spec_of(trainer), world.services
    proof = judged(world, spec)
    version = refit(spec, services, proof.version)
    assert version != proof.version
    assert [refit(spec, services, asked) for asked in (proof.version, version, None)] == [version] * 3
    entry = approval.registration(services.approvals.history(spec), version)
    assert entry is not None
    assert entry.facts["proof"] == {"version": proof.version, "artifact_hash": proof.artifact_hash}
    assert entry.people == ["ann"]

    model = services.approvals.model(spec, version)
    assert ids(model, "train") == ids(proof, "train", "validation", "test")
    first, second = fit_of(world, proof), fit_of(world, model)
    assert second.parameters[STEPS[trainer.name]] == len(second.curve) == best_step(first.curve) + 1
    shutil.rmtree(services.places.datasets(spec))
    assert with_proof(spec, services, version) == [version, proof.version]
    assert all(reproduction(spec, services, one).reproduced for one in (version, proof.version))


@pytest.mark.slow
def test_a_killed_one_goes_on_and_leaves_one_version(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(Trainer(name="torch_tabular", parameters={"epochs": 5, "patience": 0}))
    proof, epochs, epoch = judged(world, spec), [], torch_fit._epoch

    def killed(*given: Any) -> float:
        epochs.append(1)
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return epoch(*given)

    monkeypatch.setattr(torch_fit, "_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        refit(spec, world.services, proof.version)
    assert world.services.adapters.tracker.versions(spec.name) == [proof.version]
    version = refit(spec, world.services, proof.version)
    assert len(epochs) == 6, "two epochs, the one that was killed, and the three that were left"
    assert reproduction(spec, world.services, version).same_bytes


@pytest.mark.slow
def test_the_refit_of_an_average_is_that_of_the_release_and_the_refitted_candidate(world: World) -> None:
    spec, services = spec_of(), world.services
    release, candidate = judged(world, spec, "serves"), judged(world, spec_of(TORCH), "averaged")
    average = ensembles.register(spec, services.adapters.tracker, release, candidate)
    members = [release.version, candidate.version]
    services.approvals.register(spec, average, members=members, by="evaluation", people=["ann"])
    approve(services, spec, average.version)
    version = refit(spec_of(TORCH), services, average.version)
    history = services.approvals.history(spec)
    entry = approval.registration(history, version)
    assert entry is not None
    first, second = entry.facts["members"]
    assert (first, approval.proof_version(history, second)) == (release.version, candidate.version)
    assert approval.proof_version(history, version) == average.version
    rows, tracker = read_part(release.dataset.test), services.adapters.tracker
    answers = [TrainedModel.from_bytes(tracker.contents[one]).predict(rows) for one in (first, second, version)]
    np.testing.assert_allclose(answers[2], (answers[0] + answers[1]) / 2, rtol=1e-6)


def test_what_is_not_refitted_is_released_itself(tmp_path: Path) -> None:
    services, spec = services_in(tmp_path), SPEC.model_copy(update={"training": Training(refit="never")})
    proof = register(services, people=["ann"])
    approve(services, spec, proof.version)
    assert refit(spec, services, proof.version) == proof.version


def test_what_answers_otherwise_is_not_registered(world: World) -> None:
    spec = spec_of(agreement=1e-6)
    proof = judged(world, spec)
    with pytest.raises(TrainingError, match=r"champion stays: on the 600 newest rows its answers differ .* by 0\.\d+"):
        refit(spec, world.services, proof.version)
    assert world.services.adapters.tracker.versions(spec.name) == [proof.version]


def test_what_nobody_approved_is_not_refitted(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    proof = register(services, people=["ann"])
    with pytest.raises(ApprovalError, match="it has no verdict"):
        refit(SPEC, services, proof.version)
