"""Three cycles of a loop that releases refits: each candidate is judged out of sample, on rotated old sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from include.contracts.deployment import ReleaseRef
from include.contracts.development import DatasetRef, ModelRef, TrainingRequest
from include.contracts.evaluation import Verdict
from include.contracts.features import FeatureServiceRef
from include.contracts.period import Period
from include.deployment import release as releases
from include.development.datasets.parts import read_part
from include.development.trainers.trained_model import TrainedModel
from include.loop import approval, deployment, refit, retrain_evaluation, rollout, training
from include.services.composition import Services
from include.specification.learning import Behaviour
from include.specification.usecase import UseCase
from tests.unit.development.frames import MemoryFeatureStore, events, flight_spec
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import publish
from tests.unit.loop.small_cards import small_cards  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("small_cards")

ROWS, NEW_TIMES = 600, "2013-05"


def small() -> UseCase:
    spec = flight_spec()
    parameters = {"n_estimators": 30, "max_depth": 4, "early_stopping_rounds": 0}
    comparison = {
        "min_gain": 0.0,
        "resamples": 200,
        "slices": spec.comparison.slices.model_copy(update={"columns": []}),
    }
    return spec.model_copy(
        update={
            "behaviour": Behaviour(),
            "user_acceptance": [],
            "trainer": spec.trainer.model_copy(update={"parameters": parameters}),
            "comparison": spec.comparison.model_copy(update=comparison),
            "training": spec.training.model_copy(update={"agreement": 0.2}),
        }
    )


class Store(MemoryFeatureStore):
    def keep(self, service: str) -> FeatureServiceRef:
        return FeatureServiceRef(name=service, kept_as=service, definitions="0")


@dataclass
class World:
    """Flights that are late in the evening; from May on, long ones after noon and short ones at night."""

    spec: UseCase
    services: Services

    def month(self, period: str) -> None:
        flights = events(period, ROWS)
        if period >= NEW_TIMES:
            hour = flights["sched_dep_minute"] / 60
            late = (hour >= 12).where(flights["distance"] > 1350, hour >= 22)  # as many as before
            flights = flights.assign(late=pd.array(late, dtype="boolean").astype("Int8"))
        rows = pa.Table.from_pandas(flights, preserve_index=False)
        self.services.adapters.lake.publish(self.spec.name, "events", rows, period)
        publish(self.services, period, spec=self.spec)

    def train(self) -> ModelRef:
        key = training.order(self.spec, self.services, TrainingRequest(), ["tina"])
        training.fit(self.spec, self.services, key)
        return training.register(self.spec, self.services, key, by="tina", people=["tina"])

    def evaluate(self, model: ModelRef) -> Verdict:
        run = f"run-{model.version}"
        return retrain_evaluation.evaluate(self.spec, self.services, model.version, run=run, by="tina", people=["tina"])

    def release(self, model: ModelRef) -> ReleaseRef:
        """Approved, fitted again, packaged, with all of the traffic."""
        run = f"run-{model.version}"
        if approval.route(self.spec, self.services, run) == "person":
            answer = {"chosen_options": ["Approve"], "params_input": {"reason": "it is better"}}
            approval.record_answer(self.spec, self.services, run, answer | {"responded_by_user": {"name": "approver"}})
        assert approval.record_approval(self.spec, self.services, run)
        refitted = refit.refit(self.spec, self.services, model.version)
        packaged = deployment.package_release(self.spec, self.services, refitted)
        rollout.promote_release(self.spec, self.services, packaged.name)
        return packaged

    def auc(self, version: int, dataset: DatasetRef) -> float:
        """What a version reaches on the test part of a dataset."""
        trained = TrainedModel.from_bytes(
            self.services.adapters.tracker.load(self.services.approvals.model(self.spec, version))
        )
        rows = read_part(dataset.test)
        return float(roc_auc_score(rows["late"], trained.predict(rows)))

    @cached_property
    def first(self) -> ModelRef:
        """The proof of the first release, tested on March."""
        for period in ("2013-01", "2013-02", "2013-03"):
            self.month(period)
        return self.train()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    spec, services = small(), services_in(tmp_path)
    services.adapters.feature_store = Store(spec)  # type: ignore[misc]
    return World(spec, services)


def learned(dataset: DatasetRef) -> set[Period]:
    return {*dataset.train.periods, *dataset.validation.periods}


def cells(verdict: Verdict) -> dict[str, float]:
    return {cell.name: cell.figure.value for cell in verdict.cells if cell.metric == "roc_auc"}


@pytest.mark.slow
def test_proofs_are_judged_and_their_refits_serve_cycle_after_cycle(world: World) -> None:
    first = world.first
    verdict = world.evaluate(first)
    assert verdict.decision in ("promote", "canary"), verdict.reason
    serves = world.release(first)
    refitted = world.services.approvals.model(world.spec, serves.model_version)
    assert refitted.version != first.version
    assert learned(refitted.dataset) >= {"2013-03"}, "the release has learned from the month that proved it"
    manifest = releases.manifest(Path(serves.path))
    assert manifest["proof"] == {"version": first.version, "artifact_hash": first.artifact_hash}
    assert manifest["model_hash"] == refitted.artifact_hash
    known = releases.document(Path(serves.path), "baseline.json")["metrics"]["roc_auc"]["value"]
    assert known == pytest.approx(world.auc(first.version, first.dataset)), "what the proof reached, out of sample"

    world.month("2013-04")  # as before: nothing is gained
    second = world.train()
    verdict = world.evaluate(second)
    assert verdict.decision == "keep_champion", verdict.reason
    assert (verdict.champion, verdict.champion_proof) == (refitted.version, first.version)
    assert (verdict.old_set, verdict.old_set_judged) == (first.dataset.name, 0)
    assert cells(verdict) == pytest.approx(
        {
            "A": world.auc(first.version, first.dataset),
            "B": world.auc(second.version, first.dataset),
            "C": world.auc(refitted.version, second.dataset),
            "D": world.auc(second.version, second.dataset),
        }
    )

    world.month("2013-05")
    world.month("2013-06")
    third = world.train()
    assert [one.dataset for one in third.dataset.frozen] == [second.dataset.name], "April was refused: it judges now"
    assert learned(third.dataset) == {"2013-01", "2013-02", "2013-03", "2013-05"}
    verdict = world.evaluate(third)
    assert verdict.decision in ("promote", "canary", "ask_human"), verdict.reason
    assert verdict.old_set == second.dataset.name
    assert cells(verdict)["A"] == pytest.approx(world.auc(first.version, second.dataset))
    again = world.release(third)
    assert learned(world.services.approvals.model(world.spec, again.model_version).dataset) == {
        Period(f"2013-{month:02d}") for month in range(1, 7)
    }

    world.month("2013-07")
    fourth = world.train()
    assert [one.dataset for one in fourth.dataset.frozen] == [third.dataset.name]
    verdict = world.evaluate(fourth)
    assert verdict.decision != "data_problem", verdict.reason
    assert (verdict.champion_release, verdict.champion_proof) == (again.name, third.version)
    assert cells(verdict)["A"] == pytest.approx(world.auc(third.version, third.dataset))
    assert cells(verdict)["C"] == pytest.approx(world.auc(again.model_version, fourth.dataset))
