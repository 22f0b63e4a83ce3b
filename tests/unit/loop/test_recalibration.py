"""The share of late flights doubles, and what makes a flight late stays: a calibrator answers it, not a training."""

import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from include.commands.reproduce import reproduction, with_proof
from include.contracts.deployment import ReleaseRef
from include.contracts.development import ModelRef, TrainingRequest
from include.contracts.evaluation import Verdict
from include.deployment import release as releases
from include.deployment import scoring
from include.development.datasets.parts import read_part
from include.development.trainers.trained_model import TrainedModel
from include.errors import TrainingError
from include.loop import training
from include.specification.usecase import UseCase
from tests.unit.development.frames import events
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import publish
from tests.unit.loop.small_cards import shrink
from tests.unit.loop.test_cycles_of_refits import Store, World, cells, learned, small

ROWS, DOUBLED = 900, "2013-04"


@dataclass
class Shifting(World):
    """One flight in six is late, from April on one in three; the late ones look as before, and so do the others."""

    def month(self, period: str) -> None:
        pool, share = events(period, 4 * ROWS), 1 / 3 if period >= DOUBLED else 1 / 6
        late = pool["late"].astype(bool)
        wanted = pd.concat([pool[late].head(int(ROWS * share)), pool[~late].head(ROWS - int(ROWS * share))])
        flights = events(period, ROWS)
        drawn = wanted.sample(frac=1, random_state=int(period[-2:])).reset_index(drop=True)
        kept = ["flight_id", "event_timestamp", "label_timestamp", "day_of_week", "period"]
        rows = pa.Table.from_pandas(drawn.assign(**{name: flights[name] for name in kept}), preserve_index=False)
        self.services.adapters.lake.publish(self.spec.name, "events", rows, period)
        publish(self.services, period, spec=self.spec)

    def recalibrate(self, **asked: Any) -> ModelRef:
        key = training.order(self.spec, self.services, TrainingRequest(recalibrate=True, **asked), ["tina"])
        assert training.remaining(self.spec, self.services, key) == "fit"
        training.fit(self.spec, self.services, key)
        return training.register(self.spec, self.services, key, by="tina", people=["tina"])

    def trained(self, version: int) -> TrainedModel:
        model = self.services.approvals.model(self.spec, version)
        return TrainedModel.from_bytes(self.services.adapters.tracker.load(model))


def world_of(home: Path, spec: UseCase) -> Shifting:
    services = services_in(home)
    services.adapters.feature_store = Store(spec)  # type: ignore[misc]
    made = Shifting(spec, services)
    made.evaluate(made.first)
    made.release(made.first)
    for period in ("2013-04", "2013-05"):
        made.month(period)
    return made


@dataclass
class Released:
    """A release of a recalibrated model, and the version ``base`` that served before it."""

    world: Shifting
    base: int
    model: ModelRef
    verdict: Verdict
    release: ReleaseRef
    told: str


@pytest.fixture(scope="module", autouse=True)
def cards_are_small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        yield


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    world = world_of(tmp_path_factory.mktemp("recalibrated"), small())
    before = world.services.serving.champion(world.spec)
    assert before is not None
    with redirect_stdout(StringIO()) as told:
        model = world.recalibrate()
        verdict = world.evaluate(model)
        release = world.release(model)
    return Released(world, before.model_version, model, verdict, release, told.getvalue())


def answers(world: Shifting, version: int, model: ModelRef) -> tuple[np.ndarray, np.ndarray]:
    """Truth and answers of a version to the test rows of a model."""
    rows = read_part(model.dataset.test)
    return rows["late"].to_numpy(), world.trained(version).predict(rows)


@pytest.mark.slow
def test_only_the_calibrator_is_new(released: Released) -> None:
    world, base, model = released.world, released.base, released.model
    assert f"version {base} is recalibrated on 900 rows of 2013-04; nothing is learned" in released.told
    assert world.trained(model.version).fitted.save() == world.trained(base).fitted.save()
    assert (model.dataset.validation.periods, model.dataset.test.periods) == (["2013-04"], ["2013-05"])
    truth, was = answers(world, base, model)
    _, now = answers(world, model.version, model)
    assert roc_auc_score(truth, now) == pytest.approx(roc_auc_score(truth, was), abs=1e-9)
    assert log_loss(truth, now) < log_loss(truth, was) - 0.02
    assert now.mean() == pytest.approx(truth.mean(), abs=0.03)
    card = world.services.adapters.tracker.document(model, "model_card.md")
    artifact = world.services.approvals.model(world.spec, base).artifact_hash
    assert f"version {base} (`{artifact[:12]}`) as it is, recalibrated on 900 rows of 2013-04" in card
    assert f"recalibrated from version {base}" in card


def test_it_is_judged_by_what_a_calibrator_can_change_out_of_sample(released: Released) -> None:
    world, base, model, verdict = released.world, released.base, released.model, released.verdict
    assert (verdict.decision, verdict.recalibrated_from) == ("canary", base), verdict.reason
    assert verdict.reason.startswith(f"Version {model.version} is version {base} with another calibrator: nothing")
    assert "It is judged by brier, which it can change, and not by roc_auc." in verdict.reason
    decided = {gate.gate: gate for gate in verdict.gates}
    assert "gain" not in decided
    assert decided["recalibration"].passed
    assert not decided["net_value"].judged, "the spec does not say what a unit of brier is worth in roc_auc"
    assert decided["forgetting"].passed
    services = world.services
    proof = services.approvals.proof(world.spec, services.approvals.model(world.spec, base))
    assert proof.version != base
    old = answers(world, proof.version, proof)
    assert cells(verdict)["A"] == cells(verdict)["B"] == pytest.approx(roc_auc_score(*old)), "the proof, out of sample"


def test_it_is_released_as_it_was_judged(released: Released) -> None:
    world, base, model = released.world, released.base, released.model
    assert released.release.model_version == model.version
    assert "is released as it was judged, without a refit; it is version" in released.told
    directory = Path(released.release.path)
    artifact = world.services.approvals.model(world.spec, base).artifact_hash
    assert releases.manifest(directory)["recalibrated_from"] == {"version": base, "artifact_hash": artifact}
    rows = read_part(model.dataset.test)
    np.testing.assert_allclose(
        scoring.scores(directory, rows), world.trained(model.version).predict(rows), atol=2e-5
    )  # fmt: skip


@pytest.mark.slow
def test_later_versions_are_judged_out_of_sample_too_and_all_come_out_again(released: Released) -> None:
    world, spec, services = released.world, released.world.spec, released.world.services
    world.month("2013-06")
    with pytest.raises(
        TrainingError, match="no month is left to recalibrate version 3 on: it knows those up to 2013-05"
    ):
        world.recalibrate()
    world.month("2013-07")
    second = world.recalibrate()
    assert (second.dataset.validation.periods, second.dataset.test.periods) == (["2013-06"], ["2013-07"])
    verdict = world.evaluate(second)
    assert (verdict.decision, verdict.rule) == ("keep_champion", "recalibration"), verdict.reason
    assert (verdict.recalibrated_from, verdict.old_set) == (released.model.version, released.model.dataset.name)
    assert services.approvals.fitted(spec, second).version == released.base

    third = world.train()
    assert learned(third.dataset) == {f"2013-{month:02d}" for month in (1, 2, 3, 4, 6)}, "May judges, July tests"
    verdict = world.evaluate(third)
    assert verdict.decision != "data_problem", verdict.reason
    assert verdict.recalibrated_from is None

    shutil.rmtree(services.places.datasets(spec))
    proof = services.approvals.proof(spec, services.approvals.model(spec, released.base)).version
    chain = [second.version, released.model.version, released.base, proof]
    assert with_proof(spec, services, second.version) == chain
    assert all(reproduction(spec, services, one).reproduced for one in chain[:3])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"trainer": {"calibration": "none"}}, r"trainer\.calibration is none; set it to auto, or start the training"),
        (
            {"split": {"by": "stratified"}},
            r"with split\.by: stratified no rows are later than all that the model knows",
        ),
    ],
)
def test_what_cannot_be_recalibrated_is_refused_in_words(
    released: Released, changes: dict[str, dict[str, str]], complaint: str
) -> None:
    spec = released.world.spec
    spec = spec.model_copy(update={n: getattr(spec, n).model_copy(update=one) for n, one in changes.items()})
    with pytest.raises(TrainingError, match=f"flight_delay: cannot recalibrate: {complaint}"):
        training.order(spec, released.world.services, TrainingRequest(recalibrate=True))


def test_before_the_first_release_there_is_no_model_to_take(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match="cannot recalibrate: no release serves, so there is no model to take as it"
    ):
        training.order(small(), services_in(tmp_path), TrainingRequest(recalibrate=True))
