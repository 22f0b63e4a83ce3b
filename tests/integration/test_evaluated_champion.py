"""The evaluation on a real registry and a real model server: what serves, what it was compared on, and averages."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.contracts.development import DatasetRef, ModelRef, PartRef
from include.development.datasets.encoder import Encoder
from include.development.datasets.parts import content_hash, read_frame, write_part
from include.development.trainers.protocol import Matrix, Problem, Run
from include.development.trainers.trained_model import TrainedModel
from include.development.trainers.xgboost import XGBoostTrainer
from include.errors import ApprovalError, DataError, EvaluationError
from include.loop import approval, deployment, retrain_evaluation, rollout
from include.services.composition import Services
from include.settings import Settings
from include.specification.learning import Behaviour
from include.specification.usecase import UseCase
from tests.integration.pipeline_fixtures import SPEC, Serving, bare_serving, requests_frame

__all__ = ["bare_serving"]
pytestmark = pytest.mark.integration
CARD = "# A card\n"


def lenient() -> UseCase:
    """flight_delay with an ensemble, on made-up rows: they are independent, and have other limits than flights."""
    spec = SPEC.model_copy(update={"behaviour": Behaviour()})
    trainer = spec.trainer.model_copy(update={"ensemble": True})
    slices = spec.comparison.slices.model_copy(update={"columns": []})
    comparison = spec.comparison.model_copy(
        update={"min_gain": 0.0, "slices": slices, "resamples": 300, "block": "row"}
    )
    return spec.model_copy(update={"trainer": trainer, "comparison": comparison})


def rows(seed: int, count: int) -> pd.DataFrame:
    """Flights whose lateness depends on four numbers and on chance."""
    frame, random = requests_frame(count, seed), np.random.default_rng(seed)
    told = [frame[n].rank(pct=True) for n in ("sched_dep_minute", "sched_arr_minute", "distance", "day_of_week")]
    late = random.random(len(frame)) < 1 / (1 + np.exp(-4 * (sum(told) - 2)))
    ids = [f"{seed}-{i}" for i in range(len(frame))]
    return frame.assign(late=late.astype("int8"), flight_id=ids)


def dataset(home: Path, name: str, seed: int) -> DatasetRef:
    """Three parts of made-up rows on disk, with a manifest."""
    place = home / "datasets" / SPEC.name / name
    place.mkdir(parents=True)
    parts = {}
    for number, (part, count) in enumerate({"train": 500, "validation": 200, "test": 3000}.items()):
        path = place / f"{part}.parquet"
        write_part(rows(seed + number, count), path)
        frame = read_frame(path)
        parts[part] = PartRef(path=str(path), rows=len(frame), content_hash=content_hash(frame), periods=[name])
    made = DatasetRef(
        usecase=SPEC.name, name=name, path=str(place), feature_service=SPEC.feature_service, label="late",
        snapshots={}, **parts,
    )  # fmt: skip
    (place / "dataset.json").write_text(made.model_dump_json())
    return made


def fitted(data: DatasetRef) -> TrainedModel:
    """Deep trees on few rows: the average of two is better than either."""
    frame = read_frame(data.train.path)
    encoder = Encoder.fit(frame, SPEC.features)
    problem = Problem(SPEC.task, encoder.inputs, 2)
    matrix = Matrix(encoder.transform(frame), frame["late"].to_numpy())
    parameters = {"n_estimators": 60, "max_depth": 6, "early_stopping_rounds": 0}
    model = XGBoostTrainer().fit(problem, matrix, matrix, parameters, Run())
    return TrainedModel(SPEC.name, SPEC.feature_service, "xgboost", SPEC.task, 2, encoder, model)


class Loop:
    """A registry with a champion, which serves, and a candidate."""

    def __init__(self, serving: Serving, tracking: Settings) -> None:
        self.spec, self.serving = lenient(), serving
        self.services = Services(serving.settings.model_copy(update={"mlflow_port": tracking.mlflow_port}))
        self.champion, self.candidate = (
            self.registered(name, seed) for name, seed in (("2013-03", 10), ("2013-06", 20))
        )

    def registered(self, name: str, seed: int) -> ModelRef:
        data = dataset(self.serving.settings.home, name, seed)
        documents = {"model_card.md": CARD}
        model = self.services.adapters.tracker.log_training(SPEC.name, data, fitted(data).to_bytes(), {}, {}, documents)
        self.services.approvals.register(SPEC, model, key=name, by="tina", people=["tina"])
        return model

    def serve(self, model: ModelRef, model_hash: str) -> str:
        trained = TrainedModel.from_bytes(self.services.adapters.tracker.load(model))
        frame = read_frame(model.dataset.test.path)
        features = self.services.adapters.feature_store.keep(SPEC.feature_service)
        release = self.serving.package(trained, model.version, frame, model_hash=model_hash, features=features)
        state = self.serving.rollout_state()
        if state is None:
            rollout.promote_release(self.spec, self.services, release.name)
        else:
            self.serving.serve(release.name)
        return release.name


@pytest.fixture
def loop(bare_serving: Serving, mlflow: Settings) -> Loop:
    bare_serving.fill_online_store()
    bare_serving.start()
    return Loop(bare_serving, mlflow)


@pytest.mark.full
def test_a_chosen_average_is_a_version_that_is_approved_packaged_and_served(loop: Loop) -> None:
    release = loop.serve(loop.champion, loop.champion.artifact_hash)
    tracker = loop.services.adapters.tracker
    verdict = retrain_evaluation.evaluate(loop.spec, loop.services, loop.candidate.version, run="run")
    assert (verdict.contender, verdict.decision, verdict.champion_release) == ("ensemble", "canary", release), (
        verdict.reason
    )
    assert verdict.members == [loop.champion.version, loop.candidate.version]
    tags = tracker.tags(SPEC.name, verdict.candidate)
    assert tags["ensemble_of"] == f"{loop.champion.version}, {loop.candidate.version}"
    model = tracker.model(SPEC.name, verdict.candidate)
    assert f"Average of the versions {tags['ensemble_of']}" in tracker.document(model, "model_card.md")
    answer = {"chosen_options": ["Approve"], "params_input": {"reason": "better than both"}}
    with pytest.raises(ApprovalError, match="tina started the training"):
        approval.record_answer(loop.spec, loop.services, "run", answer | {"responded_by_user": {"name": "tina"}})
    approval.record_answer(loop.spec, loop.services, "run", answer | {"responded_by_user": {"name": "approver"}})
    approval.record_approval(loop.spec, loop.services, "run")
    card = tracker.document(model, "model_card.md")
    assert "release it step by step" in card
    assert "| approved | approver | better than both |" in card
    packaged = deployment.package_release(loop.spec, loop.services, verdict.candidate)
    proved = deployment.verify_release(loop.spec, loop.services, packaged, stores=False)
    kept = json.loads(tracker.document(model, f"releases/{packaged.name}/tested.json"))
    assert {name: kept[name] for name in proved} == json.loads(json.dumps(proved))
    assert kept["code_since_packaging"] == "same"
    assert tracker.document(loop.candidate, "model_card.md").startswith(CARD)
    loop.serving.serve(packaged.name)
    again = retrain_evaluation.evaluate(loop.spec, loop.services, None)  # the candidate is the newest that was trained
    assert again.candidate == loop.candidate.version
    assert again.champion == verdict.candidate
    assert again.decision == "data_problem"  # the average was released with the candidate's own test set


def test_a_release_of_another_artifact_is_an_alarm(loop: Loop) -> None:
    loop.serve(loop.champion, "0" * 64)
    with pytest.raises(EvaluationError, match=r"alarm: release r0001, the serving one, was packaged from .*0000000"):
        retrain_evaluation.evaluate(loop.spec, loop.services, loop.candidate.version)


def test_a_test_set_that_was_changed_is_not_compared_on(loop: Loop) -> None:
    loop.serve(loop.champion, loop.champion.artifact_hash)
    path = Path(loop.champion.dataset.test.path)
    frame = read_frame(path)
    write_part(frame.assign(late=1 - frame["late"]), path)
    with pytest.raises(DataError, match=r"test\.parquet: content hash .* is not"):
        retrain_evaluation.evaluate(loop.spec, loop.services, loop.candidate.version)
