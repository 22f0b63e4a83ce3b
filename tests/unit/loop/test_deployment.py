"""Only a version whose verdict was approved is packaged, and only once."""

from pathlib import Path

import pytest

from include.errors import DeploymentError, NotFoundError
from include.loop import deployment, retrain_evaluation
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.at_once import many_at_once, meeting
from tests.unit.loop.loop_worlds import SPEC, register, verdict


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def test_without_an_approved_version_there_is_nothing_to_package(services: Services) -> None:
    with pytest.raises(NotFoundError, match="approve a candidate first"):
        deployment.package_release(SPEC, services, None)


def test_a_version_without_approval_is_refused(services: Services) -> None:
    model = register(services)
    verdicts.store(SPEC, services, model, verdict(), "report")
    with pytest.raises(DeploymentError, match="no approval of its verdict"):
        deployment.package_release(SPEC, services, "1")


def test_an_approval_ends_with_a_new_verdict(services: Services) -> None:
    model = register(services)
    verdicts.store(SPEC, services, model, verdict(), "report")
    retrain_evaluation.record_approval(SPEC, services, verdict(), None)
    verdicts.store(SPEC, services, model, verdict(reason="another"), "report")
    with pytest.raises(DeploymentError, match="no approval of its verdict"):
        deployment.package_release(SPEC, services, None)


def test_a_version_that_has_a_release_is_not_packaged_again(services: Services) -> None:
    register(services)
    name = packaged(services, SPEC, 1)
    assert deployment.package_release(SPEC, services, "1").name == name
    services.adapters.tracker.set_alias(SPEC.name, "challenger", 1)
    assert deployment.package_release(SPEC, services, None).name == name


def test_the_same_version_packaged_by_many_at_once_is_one_release(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(services)
    work = meeting(lambda spec, services, model: services.adapters.releases.get(spec.name, packaged(services, spec, 1)))
    monkeypatch.setattr(deployment, "_package", work)
    monkeypatch.setattr(deployment, "_require_approval", lambda *_: None)
    releases = many_at_once(lambda: deployment.package_release(SPEC, services, "1"))
    assert len({release.name for release in releases}) == len(services.adapters.releases.all(SPEC.name)) == 1
    assert len(work.times) == 1  # type: ignore[attr-defined]
