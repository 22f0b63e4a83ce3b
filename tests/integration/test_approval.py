"""What whoever has a login of MLflow can do there, and what of it reaches a deployment: nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from include.contracts.development import DatasetRef, ModelRef, PartRef
from include.contracts.evaluation import GateOutcome, Verdict
from include.errors import ApprovalError, DamagedFileError, NotFoundError
from include.loop import approval, deployment, retrain_evaluation
from include.services import verdicts
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
PART = PartRef(path="/nowhere.parquet", rows=1, content_hash="0" * 64, periods=["2013-03"])
ANSWER = {
    "chosen_options": ["Approve"], "params_input": {"reason": "it is better"},
    "responded_by_user": {"id": "7", "name": "approver"},
}  # fmt: skip


@pytest.fixture
def services(mlflow: Settings, tmp_path) -> Services:
    """The real MLflow server, a lake and releases of their own."""
    return Services(mlflow.model_copy(update={"home": tmp_path}))


def logged(services: Services, content: bytes) -> ModelRef:
    """A version in MLflow."""
    dataset = DatasetRef(
        usecase=SPEC.name, name="2013-03-abc", path="/nowhere", feature_service="s", label="late",
        train=PART, validation=PART, test=PART, snapshots={},
    )  # fmt: skip
    return services.adapters.tracker.log_training(SPEC.name, dataset, content, {}, {}, {})


def registered(services: Services, content: bytes) -> ModelRef:
    """The same, which a training registered."""
    model = logged(services, content)
    services.approvals.register(SPEC, model, key=content.decode(), by="asset_triggered", people=[])
    return model


def verdict(model: ModelRef, decision: str = "canary") -> Verdict:
    return Verdict.model_validate(
        {
            "usecase": SPEC.name, "decision": decision, "rule": "all gates passed", "reason": "better",
            "candidate": model.version, "champion": None, "champion_release": None, "cells": [], "differences": {},
            "gates": [GateOutcome(gate="gain", passed=True, detail="")], "self_test": "",
            "decided_at": "2026-01-01T00:00:00+00:00",
        }
    )  # fmt: skip


def approved(services: Services, content: bytes) -> ModelRef:
    model = registered(services, content)
    verdicts.store(SPEC, services, model, verdict(model), run="run")
    approval.record_answer(SPEC, services, "run", ANSWER)
    approval.record_approval(SPEC, services, "run")
    return model


def test_mlflow_and_the_lake_show_the_approval(services: Services) -> None:
    model = approved(services, b"approved")
    tags = services.adapters.tracker.tags(SPEC.name, model.version)
    assert (tags["approved_by"], tags["approved_verdict"]) == ("approver", verdict(model).digest)
    assert services.adapters.tracker.alias(SPEC.name, "challenger") == model.version
    assert services.records.verdicts(SPEC) == [verdict(model)]
    assert [entry.event for entry in services.approvals.history(SPEC)] == ["registered", "verdict", "approved"]


def by_tags(client: Any, name: str, version: int, forged: Verdict) -> None:
    for tag, value in {"approved_verdict": forged.digest, "approved_by": "approver", "verdict": "promote"}.items():
        client.set_model_version_tag(name, str(version), tag, value)


def by_alias(client: Any, name: str, version: int, forged: Verdict) -> None:
    for alias in ("challenger", "champion"):
        client.set_registered_model_alias(name, alias, str(version))


def by_verdict(client: Any, name: str, version: int, forged: Verdict) -> None:
    run = client.get_model_version(name, str(version)).run_id
    client.log_text(run, forged.model_dump_json(), verdicts.DOCUMENT)
    by_tags(client, name, version, forged)


def by_new_version(client: Any, name: str, version: int, forged: Verdict) -> None:
    known = client.get_model_version(name, str(version))
    client.create_model_version(name, known.source, known.run_id, tags=known.tags, await_creation_for=None)


@pytest.mark.parametrize("forge", [by_tags, by_alias, by_verdict, by_new_version])
def test_what_a_login_of_mlflow_writes_approves_no_version_that_the_gates_refused(
    services: Services, forge: Callable[..., None]
) -> None:
    model = registered(services, forge.__name__.encode())
    verdicts.store(SPEC, services, model, verdict(model, "keep_champion"), run="run")
    forge(services.adapters.tracker._client, SPEC.name, model.version, verdict(model))
    for wanted in services.adapters.tracker.versions(SPEC.name):
        with pytest.raises(ApprovalError, match=f"version {wanted} of flight_delay may not be deployed"):
            deployment.package_release(SPEC, services, wanted)
    with pytest.raises(NotFoundError, match="approve a candidate first"):
        deployment.package_release(SPEC, services, None)
    assert services.adapters.releases.all(SPEC.name) == []


def test_an_artifact_that_was_replaced_in_mlflow_is_not_packaged(services: Services) -> None:
    """With the tag of its hash replaced too, as whoever may write there can do."""
    model = approved(services, b"original")
    client = services.adapters.tracker._client
    client.set_model_version_tag(SPEC.name, str(model.version), "artifact_hash", "f" * 64)
    assert services.adapters.tracker.load(services.approvals.model(SPEC, model.version)) == b"original"
    services.adapters.tracker.add_document(model, "model/model.zip", b"another")
    with pytest.raises(DamagedFileError, match=f"but {model.artifact_hash[:12]} was registered"):
        deployment.package_release(SPEC, services, model.version)


def test_a_version_that_was_made_in_mlflow_is_not_evaluated(services: Services) -> None:
    forged = logged(services, b"forged")
    with pytest.raises(NotFoundError, match=rf"no model version {forged.version} that a training of this state root"):
        retrain_evaluation.evaluate(SPEC, services, forged.version)


def test_a_version_that_was_deleted_in_mlflow_is_not_forgotten(services: Services) -> None:
    model = approved(services, b"deleted")
    services.adapters.tracker._client.delete_model_version(SPEC.name, str(model.version))
    assert services.approvals.model(SPEC, model.version) == model
    assert services.adapters.tracker.load(services.approvals.model(SPEC, model.version)) == b"deleted"
