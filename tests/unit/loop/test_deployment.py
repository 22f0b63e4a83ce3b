"""Only a version whose newest verdict is approved in the signed record is packaged, and its artifact only once."""

from pathlib import Path

import pytest

from include.errors import ApprovalError, DeploymentError, NotFoundError
from include.loop import deployment, rollout
from include.records.registry import APPROVALS
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.fakes.approvals import approve
from tests.unit.loop.at_once import many_at_once, meeting
from tests.unit.loop.loop_worlds import SPEC, dataset, register, verdict


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def test_without_an_approved_version_there_is_nothing_to_package(services: Services) -> None:
    with pytest.raises(NotFoundError, match="approve a candidate first"):
        deployment.package_release(SPEC, services, None)


def test_a_version_without_approval_is_refused(services: Services) -> None:
    verdicts.store(SPEC, services, register(services), verdict(), run="run-1")
    with pytest.raises(ApprovalError, match="it has no approval of its verdict"):
        deployment.package_release(SPEC, services, "1")


def test_tags_and_aliases_in_mlflow_approve_nothing(services: Services) -> None:
    verdicts.store(SPEC, services, register(services), verdict(decision="keep_champion"), run="run-1")
    forged = verdict()
    tags = {"approved_verdict": forged.digest, "approved_by": "admin", "verdict": "promote", "decision": "promote"}
    services.adapters.tracker.tag(SPEC.name, 1, tags)
    model = services.approvals.model(SPEC, 1)
    services.adapters.tracker.add_document(model, verdicts.DOCUMENT, forged.model_dump_json())
    for alias in ("challenger", "champion"):
        services.adapters.tracker.set_alias(SPEC.name, alias, 1)
    with pytest.raises(ApprovalError, match="the verdict on it is keep_champion"):
        deployment.package_release(SPEC, services, "1")
    with pytest.raises(NotFoundError, match="approve a candidate first"):
        deployment.package_release(SPEC, services, None)


def test_a_version_that_was_made_in_mlflow_is_not_packaged(services: Services) -> None:
    services.adapters.tracker.log_training(SPEC.name, dataset(services.settings.home), b"forged", {}, {}, {})
    with pytest.raises(ApprovalError, match="no training of this state root registered it"):
        deployment.package_release(SPEC, services, "1")


def test_a_version_that_has_a_release_is_not_packaged_again(services: Services) -> None:
    model = register(services)
    name = packaged(services, SPEC, 1, model_hash=model.artifact_hash)
    assert deployment.package_release(SPEC, services, "1").name == name
    assert deployment.package_release(SPEC, services, None).name == name


def test_the_same_version_packaged_by_many_at_once_is_one_release(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = register(services)
    approve(services, SPEC, 1)
    about = {"approved": False, "model_hash": model.artifact_hash}
    work = meeting(lambda *_: services.adapters.releases.get(SPEC.name, packaged(services, SPEC, 1, **about)))
    monkeypatch.setattr(deployment, "_package", work)
    releases = many_at_once(lambda: deployment.package_release(SPEC, services, "1"))
    assert len({release.name for release in releases}) == len(services.adapters.releases.all(SPEC.name)) == 1
    assert len(work.times) == 1  # type: ignore[attr-defined]


def test_a_release_that_lies_there_is_not_handed_out_without_an_approval(services: Services) -> None:
    packaged(services, SPEC, 1, approved=False)
    with pytest.raises(ApprovalError, match="no training of this state root registered it"):
        deployment.package_release(SPEC, services, "1")


@pytest.mark.parametrize("step", ["shift", "mirror", "promote"])
def test_a_release_without_approval_gets_no_traffic_by_any_step(services: Services, step: str) -> None:
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    bad = packaged(services, SPEC, 2, approved=False)
    steps = {
        "shift": lambda: rollout.shift_traffic(SPEC, services, bad, 0.1, "run"),
        "mirror": lambda: rollout.mirror_traffic(SPEC, services, bad, "run"),
        "promote": lambda: rollout.promote(SPEC, services, bad, "run"),
    }
    with pytest.raises(ApprovalError, match="version 2 of flight_delay may not be deployed"):
        steps[step]()
    assert services.serving.require_rollout_state(SPEC).weights == {"r0001": 1.0}


def test_a_release_of_other_bytes_than_those_approved_gets_no_traffic(services: Services) -> None:
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    bad = packaged(services, SPEC, 2, approved=False, model_hash="b" * 64)
    approve(services, SPEC, 2, "a" * 64)
    with pytest.raises(ApprovalError, match="was approved with the artifact aaaaaaaaaaaa, and this is bbbbbbbbbbbb"):
        rollout.shift_traffic(SPEC, services, bad, 0.1, "run")


def test_an_approval_that_ended_during_a_rollout_stops_it(services: Services) -> None:
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    new = packaged(services, SPEC, 2)
    rollout.shift_traffic(SPEC, services, new, 0.1, "run")
    model = services.approvals.model(SPEC, 2)
    verdicts.store(SPEC, services, model, verdict(2, decision="keep_champion"), run="run-2")
    with pytest.raises(ApprovalError, match="the verdict on it is keep_champion"):
        rollout.promote(SPEC, services, new, "run")


def test_a_forged_row_in_the_record_stops_every_deployment(services: Services) -> None:
    packaged(services, SPEC, 1)
    (*_, approved) = APPROVALS.read(SPEC.name, services.adapters.lake)
    content = approved.content.replace('"version":1', '"version":2').replace('"sequence":3', '"sequence":4')
    forged = approved.model_copy(update={"sequence": 4, "content": content})
    APPROVALS.append(SPEC.name, services.adapters.lake, [forged])
    with pytest.raises(DeploymentError, match="alarm: entry 4 of the record of approvals"):
        deployment.package_release(SPEC, services, "2")


def test_a_version_that_is_registered_anew_has_no_approval(services: Services) -> None:
    """Whoever deletes the registered model in MLflow makes it count its versions from 1 again."""
    approve(services, SPEC, 1, "a" * 64)
    other = services.approvals.model(SPEC, 1).model_copy(update={"artifact_hash": "b" * 64})
    services.approvals.register(SPEC, other, by="asset_triggered", people=[])
    with pytest.raises(ApprovalError, match="it has no verdict"):
        deployment.package_release(SPEC, services, "1")
