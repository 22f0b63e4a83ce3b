"""A verdict is on the champion that it names and on no other: where another serves, it moves nothing."""

from pathlib import Path
from typing import Any

import pytest

from include.errors import ApprovalError, StaleVerdictError
from include.loop import approval, deployment, retrain_evaluation, rollback, rollout
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import SPEC, news, register, verdict

OLD = "r0001"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Version 1 serves; 2 and 3 are judged against it, each by a run, and 2 and 3 are approved."""
    made = services_in(tmp_path)
    for version in (1, 2, 3):
        model = register(made)
        if version == 1:
            name = packaged(made, SPEC, 1, approved=False, model_hash=model.artifact_hash)
            rollout.promote_release(SPEC, made, name)
        else:
            judge(made, version)
    return made


def judge(services: Services, version: int, **of: Any) -> None:
    """What a run of the evaluation signs: a verdict on the version against who serves now."""
    serving = services.serving.champion(SPEC)
    named = {"champion": serving.model_version if serving else None, "champion_release": serving and serving.name}
    made = verdict(version).model_copy(update=named | of)
    verdicts.store(SPEC, services, services.approvals.model(SPEC, version), made, run=f"run-{version}")
    with services.approvals.adding(SPEC) as ledger:
        ledger.conclude("approved", ledger.history[-1], by="olga", reason="it is better")


def release(services: Services, version: int) -> str:
    model = services.approvals.model(SPEC, version)
    return packaged(services, SPEC, version, approved=False, model_hash=model.artifact_hash)


def promoted(services: Services, version: int = 2) -> str:
    """The version takes over from version 1."""
    name = release(services, version)
    rollout.shift_traffic(SPEC, services, name, 1.0, f"deploy-{version}")
    rollout.promote(SPEC, services, name, f"deploy-{version}")
    return name


STALE = r"version 3 was judged against r0001, and now r0002 \(version 2\) serves"


def test_of_two_that_were_judged_against_the_same_champion_one_replaces_it(services: Services) -> None:
    promoted(services)
    with pytest.raises(StaleVerdictError, match=STALE):
        deployment.package_release(SPEC, services, 3)
    last = services.approvals.history(SPEC)[-1]
    assert (last.event, last.version, last.by) == ("withdrawn", 3, "a new champion")
    with pytest.raises(ApprovalError, match="it was withdrawn by a new champion"):
        deployment.package_release(SPEC, services, 3)
    assert services.serving.champion(SPEC).name == "r0002"


@pytest.mark.parametrize("step", ["shift", "mirror", "promote"])
def test_no_step_of_a_rollout_moves_traffic_by_it(services: Services, step: str) -> None:
    late = release(services, 3)
    rollout.shift_traffic(SPEC, services, late, 0.1, "deploy-3")
    rollout.end_rollout(SPEC, services, "a task died", "", "interrupted")
    champion = promoted(services)
    before = services.serving.require_rollout_state(SPEC)
    steps = {
        "shift": lambda: rollout.shift_traffic(SPEC, services, late, 0.1, "again"),
        "mirror": lambda: rollout.mirror_traffic(SPEC, services, late, "again"),
        "promote": lambda: rollout.promote(SPEC, services, late, "again"),
    }
    with pytest.raises(StaleVerdictError, match=r"judged against r0001, and now r0003 \(version 2\) serves"):
        steps[step]()
    assert services.serving.require_rollout_state(SPEC) == before
    assert champion == "r0003"


def test_the_champion_may_change_during_a_rollout_too(services: Services) -> None:
    """An operator puts a release back while the canary of another one waits for its next step."""
    promoted(services)
    judge(services, 3)
    late = release(services, 3)
    rollout.shift_traffic(SPEC, services, late, 0.1, "deploy-3")
    rollback.restore(SPEC, services, OLD, "complaints", "ada")
    for again in (
        lambda: rollout.shift_traffic(SPEC, services, late, 0.5, "deploy-3", opens=False),
        lambda: rollout.promote(SPEC, services, late, "deploy-3"),
    ):
        with pytest.raises(ApprovalError, match=r"version 3 was judged against r0002, and now r0001"):
            again()


def test_a_hand_over_and_an_answer_find_it(services: Services) -> None:
    promoted(services)
    assert approval.record_approval(SPEC, services, "run-3") is None
    assert approval.outcome(SPEC, services, "run-3", "withdrawn").startswith(
        "version 3 was withdrawn by a new champion"
    )


def test_a_question_that_waits_is_withdrawn_when_the_champion_changes(services: Services) -> None:
    register(services)
    named = {"champion": 1, "champion_release": OLD}
    made = verdict(4).model_copy(update=named)
    verdicts.store(SPEC, services, services.approvals.model(SPEC, 4), made, run="run-4")
    assert news(services, "run-4") is None
    promoted(services)
    assert news(services, "run-4") == "settled"
    answer = {"chosen_options": ["Approve"], "params_input": {"reason": "it is better"}}
    said = approval.record_answer(SPEC, services, "run-4", answer | {"responded_by_user": {"id": "o", "name": "olga"}})
    assert (said.event, said.by) == ("withdrawn", "a new champion")
    again = approval.overtaken(SPEC, services, "run-4")
    assert again is not None
    assert again["version"] == 4


def test_a_first_release_is_approved_once(tmp_path: Path) -> None:
    """Two candidates without a champion: the second one was compared with nothing."""
    services = services_in(tmp_path)
    for _ in range(2):
        model = register(services)
        judge(services, model.version)
    rollout.promote(SPEC, services, release(services, 1), "deploy-1")
    with pytest.raises(StaleVerdictError, match=r"version 2 was judged while nothing served, and now r0001"):
        deployment.package_release(SPEC, services, 2)


def test_what_serves_is_not_compared_with_itself(services: Services) -> None:
    name = promoted(services)
    assert deployment.package_release(SPEC, services, 2).name == name
    rollout.promote(SPEC, services, name, "deploy-2")
    assert services.approvals.history(SPEC)[-1].event == "approved"


def test_the_release_that_the_verdict_names_may_serve_again(services: Services) -> None:
    promoted(services)
    rollback.restore(SPEC, services, OLD, "complaints", "ada")
    late = release(services, 3)
    rollout.shift_traffic(SPEC, services, late, 0.1, "deploy-3")
    assert services.serving.require_rollout_state(SPEC).challenger == late


def test_a_roll_forward_to_what_never_served_asks_for_the_same(services: Services) -> None:
    late = release(services, 3)
    promoted(services)
    with pytest.raises(ApprovalError, match=r"version 3 was judged against r0001, and now r0003"):
        rollback.restore(SPEC, services, late, "try it", "ada")


def test_what_was_overtaken_is_judged_again_once_with_the_reason(services: Services) -> None:
    assert approval.overtaken(SPEC, services, version=3) is None
    promoted(services)
    with pytest.raises(StaleVerdictError):
        deployment.package_release(SPEC, services, 3)
    again = approval.overtaken(SPEC, services, version=3)
    assert again is not None
    assert again == approval.overtaken(SPEC, services, "run-3") == approval.overtaken(SPEC, services)
    assert (again["version"], again["run_id"]) == (3, f"again__v3__{services.approvals.history(SPEC)[-1].sequence}")
    overtaken = services.approvals.history(SPEC)[-1]
    told = retrain_evaluation._told_why(verdict(3), overtaken)
    assert told.reason == f"better Judged again, because {overtaken.reason}."
    judge(services, 3)
    assert approval.overtaken(SPEC, services, version=3) is None
    assert deployment.approval.approved_version(services.approvals.history(SPEC)) == 3


def test_a_newer_candidate_that_waits_is_not_withdrawn_by_judging_an_older_one_again(services: Services) -> None:
    promoted(services)
    with pytest.raises(StaleVerdictError):
        deployment.package_release(SPEC, services, 3)
    register(services)
    verdicts.store(SPEC, services, services.approvals.model(SPEC, 4), verdict(4), run="run-4")
    assert approval.overtaken(SPEC, services, version=3) is None


def test_of_an_average_its_newest_member_is_judged_again(services: Services) -> None:
    model = services.adapters.tracker.log_training(
        SPEC.name, services.approvals.model(SPEC, 1).dataset, b"average", {}, {}, {}
    )
    services.approvals.register(SPEC, model, members=[1, 3], by="asset_triggered", people=[])
    judge(services, model.version)
    promoted(services)
    with pytest.raises(StaleVerdictError):
        deployment.package_release(SPEC, services, model.version)
    again = approval.overtaken(SPEC, services, version=model.version)
    assert again is not None
    assert again["version"] == 3
