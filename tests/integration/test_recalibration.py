"""Only the share of late flights doubles: the loop finds it, recalibrates what serves, judges it and packages it."""

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from include.commands.reproduce import reproduction, with_proof
from include.contracts.deployment import ReleaseRef
from include.contracts.development import ModelRef, TrainingRequest
from include.contracts.evaluation import Verdict
from include.contracts.operations import Alert, Figure, RetrainPlan
from include.contracts.period import Period
from include.deployment import release as releases
from include.deployment import scoring
from include.development.datasets.parts import read_part
from include.development.trainers.trained_model import TrainedModel
from include.loop import approval, deployment, refit, retrain_evaluation, rollout, training
from include.operations.monitoring import monitoring
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.retraining import retraining
from include.services.composition import Services
from include.settings import Settings
from include.specification.learning import Behaviour, Metrics, Trainer, Training
from tests.integration.pipeline_fixtures import Serving, bare_serving
from tests.integration.test_rebuild import SPEC as FLIGHTS
from tests.integration.test_rebuild import World
from tests.unit.development.frames import events

__all__ = ["bare_serving"]

pytestmark = pytest.mark.integration
ROWS, DOUBLED = 900, "2013-05"
XGBOOST = Trainer(name="xgboost", parameters={"n_estimators": 40, "early_stopping_rounds": 0, "max_depth": 3})
NO_SLICES = FLIGHTS.comparison.slices.model_copy(update={"columns": []})
SPEC = FLIGHTS.model_copy(
    update={
        "trainer": XGBOOST,
        "behaviour": Behaviour(),
        "training": Training(agreement=0.5),
        "metrics": Metrics(primary="brier", secondary=["roc_auc", "log_loss"]),
        "comparison": FLIGHTS.comparison.model_copy(update={"min_gain": 0.002, "slices": NO_SLICES}),
        "user_acceptance": [],
    }
)
SECONDS = 30.0
"""A recalibration reads the validation rows and fits 21 curves; the bound is for a busy machine."""


class Shifting(World):
    """One flight in six is late, from May on one in three; the late ones look as before, and so do the others."""

    def flights(self, period: str) -> pd.DataFrame:
        pool, late_ones = events(period, 4 * ROWS), int(ROWS / (3 if period >= DOUBLED else 6))
        late = pool["late"].astype(bool)
        drawn = pd.concat([pool[late].head(late_ones), pool[~late].head(ROWS - late_ones)])
        drawn = drawn.sample(frac=1, random_state=int(period[-2:])).reset_index(drop=True)
        times = ["flight_id", "event_timestamp", "label_timestamp", "day_of_week"]
        return drawn.assign(**{name: events(period, ROWS)[name] for name in times})

    def random(self, period: str, edition: int) -> np.random.Generator:
        """Weather and planes are those of every month."""
        return np.random.default_rng(0)


class Loop:
    def __init__(self, serving: Serving, tracking: Settings) -> None:
        self.world = Shifting(serving.settings.home)
        self.services = Services(serving.settings.model_copy(update={"mlflow_port": tracking.mlflow_port}))

    def train(self, request: TrainingRequest) -> ModelRef:
        key = training.order(SPEC, self.services, request, ["tina"])
        training.fit(SPEC, self.services, key)
        return training.register(SPEC, self.services, key, people=["tina"])

    def released(self, model: ModelRef) -> tuple[Verdict, ReleaseRef]:
        run = f"run-{model.version}"
        verdict = retrain_evaluation.evaluate(SPEC, self.services, model.version, run=run)
        if approval.route(SPEC, self.services, run) == "person":
            answer = {"chosen_options": ["Approve"], "params_input": {"reason": "it is better"}}
            approval.record_answer(SPEC, self.services, run, answer | {"responded_by_user": {"name": "approver"}})
        assert approval.record_approval(SPEC, self.services, run), verdict.reason
        return verdict, deployment.package_release(SPEC, self.services, refit.refit(SPEC, self.services, model.version))

    def model(self, version: int) -> TrainedModel:
        return TrainedModel.from_bytes(
            self.services.adapters.tracker.load(self.services.approvals.model(SPEC, version))
        )

    def figures(self, release: ReleaseRef, rows: pd.DataFrame) -> list[Figure]:
        """What monitoring measures of the answers of a release to the flights of each month."""
        directory, figures = Path(release.path), []
        months = rows["event_timestamp"].dt.strftime("%Y-%m")
        for period in sorted(months.unique()):
            flights = rows[months == period].reset_index(drop=True)
            logged = flights.drop(columns="late").assign(
                request_id=[f"r{i}" for i in range(len(flights))],
                logged_at=flights["event_timestamp"],
                release=release.name,
                latency_ms=1.0,
                probability=scoring.scores(directory, flights),
            )
            truth = flights[["flight_id", "event_timestamp", "late"]]
            figures += monitoring.measure(
                SPEC,
                release.name,
                releases.document(directory, "baseline.json"),
                WindowInputs(
                    predictions=logged,
                    events=truth,
                    period=Period(period),
                    history=figures,
                    as_of=datetime(2014, 1, 1, tzinfo=UTC),
                ),
            )
        return figures

    def plan(self, release: ReleaseRef, figures: list[Figure], tested: list[Period]) -> RetrainPlan:
        june = Period("2013-06")
        alert = Alert(
            name="MoebiusPerformanceLoss", usecase=SPEC.name, severity="retrain", release=release.name, period=june,
            value=2.0, summary="s",
        )  # fmt: skip
        return retraining.decide(
            SPEC, alerts=[alert], figures_history=figures, decisions_history=[], gate_results=[], period=june,
            serving=release.name, tested=tested,
        )  # fmt: skip


@pytest.fixture
def loop(bare_serving: Serving, mlflow: Settings) -> Loop:
    made = Loop(bare_serving, mlflow)
    for month in range(1, 4):
        made.world.publish(f"2013-{month:02d}")
    bare_serving.start()
    return made


@pytest.mark.full
def test_a_share_that_doubled_is_answered_by_a_calibrator_and_nothing_is_learned(loop: Loop) -> None:
    services, tracker = loop.services, loop.services.adapters.tracker
    proof = loop.train(TrainingRequest())
    _, serving = loop.released(proof)
    rollout.promote_release(SPEC, services, serving.name)
    base = serving.model_version
    for month in range(4, 7):
        loop.world.publish(f"2013-{month:02d}")

    whole = training.dataset_for(SPEC, services)
    rows = pd.concat([read_part(part) for part in (whole.train, whole.validation, whole.test)])
    figures = loop.figures(serving, rows[rows["event_timestamp"] >= "2013-04-02"])
    plan = loop.plan(serving, figures, proof.dataset.test.periods)
    assert (plan.decision, plan.cause, plan.recalibrate) == ("retrain", "label shift", True), plan.evidence
    assert any("a recalibration suffices" in line for line in plan.evidence), plan.evidence
    assert plan.action.startswith("recalibrate what serves on 2013-05 to 2013-05")

    began = time.perf_counter()
    model = loop.train(plan.request)
    assert time.perf_counter() - began < SECONDS
    before, after = loop.model(base), loop.model(model.version)
    assert after.fitted.save() == before.fitted.save()
    test = read_part(model.dataset.test)
    truth, was, now = test["late"], before.predict(test), after.predict(test)
    assert roc_auc_score(truth, now) == pytest.approx(roc_auc_score(truth, was), abs=1e-9)
    for loss in (log_loss, brier_score_loss):
        assert loss(truth, now) < loss(truth, was)
    assert tracker.tags(SPEC.name, model.version)["recalibrated_from"] == str(base)
    assert f"recalibrated from version {base}" in tracker.document(model, "model_card.md")

    verdict, release = loop.released(model)
    assert verdict.decision == "canary", verdict.reason
    assert verdict.reason.startswith(f"Version {model.version} is version {base} with another calibrator")
    assert {cell.name for cell in verdict.cells} == {"A", "B", "C", "D"}
    assert release.model_version == model.version, "nothing was learned, so nothing is fitted again"
    deployment.verify_release(SPEC, services, release, stores=False)
    np.testing.assert_allclose(scoring.scores(Path(release.path), test), now, atol=2e-5)

    assert with_proof(SPEC, services, model.version) == [model.version, base, proof.version]
    assert reproduction(SPEC, services, model.version).same_bytes
