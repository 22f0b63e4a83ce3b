"""A roll back takes the release that was named, or the newest before the champion, and only when it is whole."""

from pathlib import Path

import pytest

from include.errors import ApprovalError, DeploymentError, NotFoundError
from include.loop import edge_bundle, rollback, rollback_drill, rollout
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import SPEC, verdict


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Three releases, the last of which serves."""
    made = services_in(tmp_path)
    for version in (1, 2, 3):
        rollout.promote_release(SPEC, made, packaged(made, SPEC, version))
    return made


def serving(services: Services) -> str:
    return services.serving.require_rollout_state(SPEC).champion


def test_the_previous_release_is_the_newest_before_the_champion(services: Services) -> None:
    assert rollback.restore(SPEC, services, "previous", "a test", "ada") == "r0002"
    assert serving(services) == "r0002"
    last = services.records.rollout_events(SPEC)[-1]
    assert (last.event, last.by, last.reason) == ("rolled_back", "ada", "rolled back to r0002: a test")


def test_a_named_release_is_put_back(services: Services) -> None:
    assert rollback.restore(SPEC, services, "r0001", "a test", "ada") == "r0001"
    assert services.adapters.tracker.alias(SPEC.name, "champion") == 1


def test_before_the_first_release_there_is_none(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    with pytest.raises(NotFoundError, match=r"\['r0001'\]"):
        rollback.rollback_target(SPEC, services, "previous")
    with pytest.raises(NotFoundError):
        rollback.question(SPEC, services)
    assert rollback_drill.drill_rollback(SPEC, services, "ada") is None


def test_a_release_that_was_changed_is_not_put_back(services: Services) -> None:
    (services.settings.releases / SPEC.name / "r0002" / "baseline.json").write_text('{"changed": true}')
    with pytest.raises(DeploymentError, match="was changed after packaging"):
        rollback.restore(SPEC, services, "previous", "a test", "ada")
    assert serving(services) == "r0003"


def test_the_form_offers_the_other_releases_newest_first(services: Services) -> None:
    names, body = rollback.question(SPEC, services)
    assert names == ["r0002", "r0001"]
    assert "r0003" in body


def test_a_release_that_was_never_champion_and_is_not_approved_is_listed_and_neither_offered_nor_restored(
    services: Services,
) -> None:
    """An aborted canary of a refused candidate: its rollout record has shifts, and no promotion."""
    bad = packaged(services, SPEC, 4)
    rollout.shift_traffic(SPEC, services, bad, 0.1, "run", "ada")
    rollout.end_rollout(SPEC, services, "breach", "ada")
    model = services.approvals.model(SPEC, 4)
    verdicts.store(SPEC, services, model, verdict(4, decision="keep_champion"), run="run")
    names, body = rollback.question(SPEC, services)
    assert names == ["r0002", "r0001"]
    row = "| r0004 | 4 | not recorded | not monitored | not measured | not recorded | **no**: version 4 of flight"
    assert row in body
    with pytest.raises(ApprovalError, match=r"r0004 was never the champion .* the verdict on it is keep_champion"):
        rollback.restore(SPEC, services, "r0004", "a test", "ada")
    with pytest.raises(ApprovalError, match=r"r0004 was never the champion"):
        edge_bundle.make(SPEC, services, "r0004")
    assert serving(services) == "r0003"


def test_an_approved_release_that_was_never_champion_is_put_back_as_a_roll_forward(services: Services) -> None:
    packaged(services, SPEC, 4)
    text = rollback.question(SPEC, services)[1]
    assert "| r0004 | 4 | not recorded | not monitored | not measured | not recorded | yes |" in text
    assert rollback.restore(SPEC, services, "r0004", "a test", "ada") == "r0004"
    last = services.records.rollout_events(SPEC)[-1]
    assert (last.event, last.reason) == ("rolled_forward", "rolled forward to r0004: a test")
    assert rollback.restore(SPEC, services, "previous", "worse", "ada") == "r0003"
    assert services.records.rollout_events(SPEC)[-1].event == "rolled_back"


def test_previous_is_a_former_champion_and_never_an_aborted_release(services: Services) -> None:
    packaged(services, SPEC, 4)
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 5))
    assert rollback.rollback_target(SPEC, services, "previous") == "r0003"
    known = rollback_drill.pair(SPEC, services)
    assert known is not None
    assert [release.name for release in known] == ["r0005", "r0003"]


def test_former_champions_of_before_there_was_a_record_go_on_to_serve_and_are_put_back(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    for version in (1, 2):
        rollout.promote_release(SPEC, services, packaged(services, SPEC, version, approved=False))
    assert rollback.restore(SPEC, services, "r0001", "a test", "ada") == "r0001"
    assert rollback.question(SPEC, services)[0] == ["r0002"]


def test_a_version_that_was_deleted_in_mlflow_is_put_back_all_the_same(services: Services) -> None:
    services.adapters.tracker.set_alias = missing  # type: ignore[method-assign]
    assert rollback.restore(SPEC, services, "r0001", "a test", "ada") == "r0001"
    assert services.records.rollout_events(SPEC)[-1].event == "rolled_back"


def missing(*_: object) -> None:
    raise NotFoundError("no such version")


def test_an_abort_without_a_rollout_names_what_else_to_choose(services: Services) -> None:
    with pytest.raises(NotFoundError, match="roll_back"):
        rollback.abort(SPEC, services, "stop", "ada")
    packaged(services, SPEC, 4)
    rollout.shift_traffic(SPEC, services, "r0004", 0.1, "run", "ada")
    assert "r0003" in rollback.abort(SPEC, services, "stop", "ada")
    assert services.serving.require_rollout_state(SPEC).outcome == "aborted"


def test_a_bundle_of_nothing_is_refused(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    with pytest.raises(NotFoundError):
        edge_bundle.make(SPEC, services, None)
    with pytest.raises(NotFoundError, match="r0009"):
        edge_bundle.make(SPEC, services, "r0009")
