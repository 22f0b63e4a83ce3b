"""An approved model is fitted once more with the newest rows, and both come out again from their record."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.commands.reproduce import reproduction, with_proof
from include.contracts.development import ModelRef
from include.contracts.period import Period
from include.contracts.pseudonyms import KeyRing
from include.development.datasets.building import MANIFEST
from include.development.datasets.parts import read_part
from include.development.order import Fit, Order
from include.development.trainers import torch_fit
from include.development.trainers.protocol import best_step
from include.development.trainers.trained_model import TrainedModel
from include.errors import ApprovalError, NotFoundError, TrainingError
from include.governance import approval, erasure
from include.governance.mentions import Mentions
from include.loop import training
from include.loop.data_versions import rebuild_dataset, refit_dataset
from include.loop.refit import refit
from include.services.composition import Services
from include.settings import Settings
from include.specification.learning import Behaviour, Trainer, Training
from include.specification.usecase import UseCase
from tests.integration.test_rebuild import SPEC as FLIGHTS
from tests.integration.test_rebuild import World
from tests.unit.fakes.approvals import approve

pytestmark = pytest.mark.integration
PERIODS = Period.between(Period("2013-01"), Period("2013-03"))
XGBOOST = Trainer(name="xgboost", parameters={"n_estimators": 60, "early_stopping_rounds": 3, "learning_rate": 0.3})
TORCH = Trainer(name="torch_tabular", parameters={"epochs": 8, "patience": 1, "learning_rate": 0.05})
LENGTH = {"xgboost": "n_estimators", "torch_tabular": "epochs"}


def spec_of(trainer: Trainer, **policy: Any) -> UseCase:
    """Made-up rows: rain means nothing in them, and small models differ."""
    return FLIGHTS.model_copy(
        update={"trainer": trainer, "behaviour": Behaviour(), "training": Training(**{"agreement": 0.5} | policy)}
    )


class Judged:
    """Models on the months of a world, approved."""

    def __init__(self, world: World, services: Services) -> None:
        self.world, self.services = world, services
        self.champion = world.build(PERIODS[1])
        self.dataset = world.build(PERIODS[-1], excluded=[self.champion])

    def train(self, spec: UseCase, run: str) -> ModelRef:
        key = training.place(spec, self.services, Order(dataset=self.dataset, run=run))
        training.fit(spec, self.services, key)
        model = training.register(spec, self.services, key, people=["ann"])
        approve(self.services, spec, model.version)
        return model

    def fit_of(self, model: ModelRef) -> Fit:
        return Fit.model_validate_json(self.services.adapters.tracker.document(model, "fit.json"))


@pytest.fixture(scope="module")
def judged(mlflow: Settings, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    world = World(tmp_path_factory.mktemp("refitted"))
    for period in PERIODS:
        world.publish(period)
    return Judged(world, Services(mlflow.model_copy(update={"home": world.home})))


@pytest.mark.parametrize(
    "trainer", [XGBOOST, pytest.param(TORCH, marks=pytest.mark.full)], ids=lambda trainer: trainer.name
)
def test_the_refit_is_a_version_bound_to_its_proof_and_both_come_out_again(judged: Judged, trainer: Trainer) -> None:
    spec, services = spec_of(trainer), judged.services
    proof = judged.train(spec, "proof")
    version = refit(spec, services, proof.version)
    assert version != proof.version
    assert [refit(spec, services, asked) for asked in (proof.version, version, None)] == [version] * 3

    entry = approval.registration(services.approvals.history(spec), version)
    assert entry is not None
    assert entry.facts["proof"] == {"version": proof.version, "artifact_hash": proof.artifact_hash}
    assert entry.people == ["ann"]
    model = services.approvals.model(spec, version)
    everything = {i for part in ("train", "validation", "test") for i in _ids(judged.dataset, part)}
    assert {*_ids(model.dataset, "train")} == everything | {*_ids(judged.champion, "test")}
    best = best_step(judged.fit_of(proof).curve) + 1
    assert judged.fit_of(model).parameters[LENGTH[trainer.name]] == len(judged.fit_of(model).curve) == best

    metrics = services.adapters.tracker._client.get_run(model.run_id).data.metrics
    first = services.adapters.tracker._client.get_run(proof.run_id).data.metrics
    assert not [name for name in metrics if name.startswith(("test_", "validation_", "baseline_"))]
    assert metrics["proof_test_roc_auc"] == first["test_roc_auc"]
    assert metrics["in_sample_test_roc_auc"] != first["test_roc_auc"]
    card = services.adapters.tracker.document(model, "model_card.md")
    assert f"the refit of its proof, version {proof.version} (`{proof.artifact_hash[:12]}`)" in card
    assert "Learned in addition: " in card
    assert "among them all of 2013-02..2013-03" in card
    assert json.loads(services.adapters.tracker.document(model, "in_sample_slices.json"))
    with pytest.raises(NotFoundError):
        services.adapters.tracker.document(model, "slices.json")

    shutil.rmtree(judged.world.datasets)
    assert with_proof(spec, services, version) == [version, proof.version]
    for one in (version, proof.version):
        assert reproduction(spec, services, one).reproduced, one
    for one in (judged.champion, judged.dataset):
        rebuild_dataset(spec, services, one)


def _ids(dataset: Any, part: str) -> list[str]:
    return list(read_part(getattr(dataset, part))["flight_id"])


def test_a_killed_refit_goes_on_and_leaves_one_version(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(Trainer(name="torch_tabular", parameters={"epochs": 5, "patience": 0}))
    proof, epochs = judged.train(spec, "killed"), []
    epoch = torch_fit._epoch

    def killed(*given: Any) -> float:
        epochs.append(len(epochs))
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return epoch(*given)

    monkeypatch.setattr(torch_fit, "_epoch", killed)
    before = judged.services.adapters.tracker.versions(spec.name)
    with pytest.raises(KeyboardInterrupt):
        refit(spec, judged.services, proof.version)
    assert judged.services.adapters.tracker.versions(spec.name) == before
    version = refit(spec, judged.services, proof.version)
    assert len(epochs) == 6, "two epochs, the one that was killed, and the three that were left"
    assert reproduction(spec, judged.services, version).same_bytes


def test_what_is_not_refitted_is_released_itself(judged: Judged) -> None:
    spec = spec_of(XGBOOST, refit="never")
    proof = judged.train(spec, "never")
    assert refit(spec, judged.services, proof.version) == proof.version


def test_a_refit_that_answers_otherwise_is_not_registered(judged: Judged) -> None:
    spec = spec_of(XGBOOST, agreement=1e-6)
    proof = judged.train(spec, "disagrees")
    before = judged.services.adapters.tracker.versions(spec.name)
    with pytest.raises(TrainingError, match=r"champion stays: on the \d+ newest rows its answers differ .* by 0\.\d+"):
        refit(spec, judged.services, proof.version)
    assert judged.services.adapters.tracker.versions(spec.name) == before


def test_what_nobody_approved_is_not_refitted(judged: Judged) -> None:
    spec = spec_of(XGBOOST)
    key = training.place(spec, judged.services, Order(dataset=judged.dataset, run="not approved"))
    training.fit(spec, judged.services, key)
    with pytest.raises(ApprovalError, match="it has no verdict"):
        refit(spec, judged.services, training.register(spec, judged.services, key).version)


@pytest.mark.full
def test_the_refit_of_an_average_is_that_of_the_release_and_the_refitted_candidate(judged: Judged) -> None:
    from include.development import ensembles

    spec, services = spec_of(XGBOOST), judged.services
    release, candidate = judged.train(spec, "serves"), judged.train(spec, "averaged")
    average = ensembles.register(spec, services.adapters.tracker, release, candidate)
    services.approvals.register(
        spec, average, members=[release.version, candidate.version], by="evaluation", people=["ann"]
    )
    approve(services, spec, average.version)
    version = refit(spec, services, average.version)
    assert refit(spec, services, average.version) == version
    history = services.approvals.history(spec)
    entry = approval.registration(history, version)
    assert entry is not None
    first, second = entry.facts["members"]
    assert first == release.version
    assert approval.proof_version(history, second) == candidate.version
    loaded = [
        TrainedModel.from_bytes(services.adapters.tracker.load(services.approvals.model(spec, one)))
        for one in (first, second, version)
    ]
    rows = read_part(judged.dataset.test)
    answers = [model.predict(rows) for model in loaded]
    np.testing.assert_allclose(answers[2], (answers[0] + answers[1]) / 2, rtol=1e-6)


def test_rows_that_were_erased_since_the_proof_are_not_learned_and_the_refit_is_rebuilt_without_them(
    tmp_path: Path,
) -> None:
    world, spec = World(tmp_path), spec_of(XGBOOST)
    for period in PERIODS:
        world.publish(period)
    services, proof = Services(Settings(home=tmp_path)), world.build(PERIODS[-1])
    before = refit_dataset(spec, services, proof)
    gone = "2013-02_00001"
    assert gone in _ids(before, "train")
    _erase(world, spec, gone, "a subject was erased (k01-0123)")
    after = refit_dataset(spec, services, proof)
    assert {*_ids(before, "train")} - {*_ids(after, "train")} == {gone}
    shutil.rmtree(world.datasets)
    assert rebuild_dataset(spec, services, after) == after
    with pytest.raises(NotFoundError, match="must not come back: since it was built, a subject was erased"):
        rebuild_dataset(spec, services, before)
    assert not (world.datasets / before.name / MANIFEST).exists()
    assert before.name != after.name


def _erase(world: World, spec: UseCase, event: str, mark: str) -> None:
    change = Mentions([event], spec.event.id).without
    erasure.LakeRewrite(spec.name, world.lake, world.snapshots, change, mark).run()


def test_a_refit_reads_what_retention_kept_for_its_proof_and_says_what_to_do_when_it_is_gone(tmp_path: Path) -> None:
    world, spec = World(tmp_path), spec_of(XGBOOST)
    for period in PERIODS:
        world.publish(period)
    services, proof = Services(Settings(home=tmp_path)), world.build(PERIODS[-1])
    before = refit_dataset(spec, services, proof)
    world.publish(PERIODS[0], edition=1)
    assert world.expire({"model 1": proof}) == [], "a registered proof keeps the oldest month as it learned it"
    shutil.rmtree(world.datasets)
    assert refit_dataset(spec, services, proof) == before
    shutil.rmtree(world.datasets)
    assert world.expire({}) == [proof.snapshots[PERIODS[0]]]
    with pytest.raises(NotFoundError, match=r"no snapshot pinned it.*train a new model on the periods as they are now"):
        refit_dataset(spec, services, proof)
    assert not (world.datasets / before.name).exists()


def test_a_refit_after_a_rotation_of_keys_learns_the_same_rows_with_the_new_pseudonyms(tmp_path: Path) -> None:
    first, both = (KeyRing.parse(text) for text in (f"k01:{'a' * 32}", f"k01:{'a' * 32},k02:{'b' * 32}"))
    world, spec = World(tmp_path), spec_of(XGBOOST)
    for period in PERIODS:
        world.publish(period)
    to_tokens = erasure.renewed(both)
    erasure.LakeRewrite(spec.name, world.lake, world.snapshots, _with_tokens(first), "pseudonyms").run()
    services, proof = Services(Settings(home=tmp_path)), world.build(PERIODS[-1])
    before = refit_dataset(spec, services, proof)
    erasure.LakeRewrite(spec.name, world.lake, world.snapshots, to_tokens, "tokens were rewritten to key k02").run()
    after = refit_dataset(spec, services, proof)
    assert after.train.rows == before.train.rows
    assert after.train.content_hash != before.train.content_hash
    events_of = [read_part(one.train).sort_values("flight_id", ignore_index=True) for one in (before, after)]
    assert (events_of[0]["tailnum"] == first.token("N1")).all()
    assert (events_of[1]["tailnum"] == both.token("N1")).all()
    others = [frame.drop(columns="tailnum") for frame in events_of]
    pd.testing.assert_frame_equal(*others)


def _with_tokens(keys: KeyRing) -> erasure.Change:
    def change(rows: pa.Table) -> pa.Table:
        if "tailnum" not in rows.column_names:
            return rows
        at, field = rows.column_names.index("tailnum"), rows.schema.field("tailnum")
        return rows.set_column(at, field, pa.array([keys.token("N1")] * len(rows), field.type))

    return change
