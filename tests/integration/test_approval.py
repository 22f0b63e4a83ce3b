"""An approval is of one verdict: what changes afterwards is not approved, and what is not approved is not deployed."""

import pytest

from include.contracts.development import DatasetRef, ModelRef, PartRef
from include.contracts.evaluation import GateOutcome, Verdict
from include.errors import DeploymentError, EvaluationError, NotFoundError
from include.loop import deployment, retrain_evaluation
from include.services import verdicts
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from tests.integration.ml_fixtures import mlflow

__all__ = ["mlflow"]
pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
PART = PartRef(path="/nowhere.parquet", rows=1, content_hash="0" * 64, periods=["2013-03"])


@pytest.fixture
def services(mlflow: Settings, tmp_path) -> Services:
    """The real MLflow server, a lake and releases of their own."""
    return Services(mlflow.model_copy(update={"home": tmp_path}))


def registered(services: Services, content: bytes) -> ModelRef:
    dataset = DatasetRef(
        usecase=SPEC.name, name="2013-03-abc", path="/nowhere", feature_service="s", label="late",
        train=PART, validation=PART, test=PART, snapshots={},
    )  # fmt: skip
    return services.adapters.tracker.log_training(SPEC.name, dataset, content, {}, {}, {})


def verdict(model: ModelRef, reason: str = "better") -> Verdict:
    return Verdict(
        usecase=SPEC.name, decision="canary", rule="all gates passed", reason=reason, candidate=model.version,
        champion=None, champion_release=None, cells=[], differences={},
        gates=[GateOutcome(gate="gain", passed=True, detail="")], self_test="", decided_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def test_an_approval_names_the_verdict_and_the_person(services: Services) -> None:
    model = registered(services, b"approved")
    verdicts.store(SPEC, services, model, verdict(model), "report")
    answer = {"chosen_options": ["Approve"], "responded_by_user": {"id": "7", "name": "ada"}}
    bound = retrain_evaluation.record_approval(SPEC, services, verdict(model), answer)
    tags = services.adapters.tracker.tags(SPEC.name, model.version)
    assert (tags["approved_by"], tags["approved_verdict"]) == ("ada", bound)
    assert services.adapters.tracker.alias(SPEC.name, "challenger") == model.version
    assert services.records.verdicts(SPEC) == [verdict(model)]


def test_a_verdict_that_changed_after_it_was_shown_is_not_approved(services: Services) -> None:
    model = registered(services, b"changed")
    verdicts.store(SPEC, services, model, verdict(model, "other figures"), "report")
    with pytest.raises(EvaluationError, match="changed after it was shown for approval"):
        retrain_evaluation.record_approval(SPEC, services, verdict(model), None)
    assert "approved_verdict" not in services.adapters.tracker.tags(SPEC.name, model.version)


def test_a_model_without_approval_is_not_packaged(services: Services) -> None:
    model = registered(services, b"unapproved")
    verdicts.store(SPEC, services, model, verdict(model), "report")
    with pytest.raises(
        DeploymentError, match=f"version {model.version} of flight_delay has no approval of its verdict"
    ):
        deployment.package_release(SPEC, services, model.version)
    assert services.adapters.releases.all(SPEC.name) == []


def test_a_version_that_does_not_exist_is_refused_with_those_that_do(services: Services) -> None:
    known = registered(services, b"known").version
    with pytest.raises(NotFoundError, match=rf"no model version 999; there are \[.*{known}"):
        retrain_evaluation.evaluate(SPEC, services, "999")
