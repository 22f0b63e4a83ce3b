"""What a person, a policy, a task that was marked by hand or MLflow say about a release, and what of it counts."""

from pathlib import Path
from typing import Any

import pytest

from include.contracts.approval import UNNAMED
from include.contracts.development import TrainingRequest
from include.errors import ApprovalError, NotFoundError
from include.loop import approval, deployment, retrain_evaluation, rollout, training
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import SPEC, news, register, verdict

RUN = "run-1"
USERS = {"olga": "approver", "otto": "approver", "vera": "viewer", "tina": "engineer"}


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path, airflow_users=USERS)


def judge(services: Services, version: int = 1, run: str = RUN, people: tuple[str, ...] = (), **of: Any) -> None:
    """A verdict on a version, which tina trained; version 9 serves unless it is on a first release."""
    if of.get("champion", 9) and services.serving.champion(SPEC) is None:
        rollout.promote_release(SPEC, services, packaged(services, SPEC, 9, approved=False))
    while version not in services.adapters.tracker.versions(SPEC.name):
        model = register(services, people=["tina"])
    model = services.approvals.model(SPEC, version)
    verdicts.store(SPEC, services, model, verdict(version, **of), run=run, by="asset_triggered", people=people)


def answered(by: str = "olga", option: str = "Approve", **fields: Any) -> dict[str, Any]:
    who = {"id": by, "name": by} if by else None
    return {"chosen_options": [option], "params_input": fields or {"reason": "it is better"}, "responded_by_user": who}


def events(services: Services, version: int = 1) -> list[tuple[str, str]]:
    return [(entry.event, entry.by) for entry in verdicts.of_version(services.approvals.history(SPEC), version)]


def test_a_person_approves_with_a_reason_and_the_record_says_so(services: Services) -> None:
    judge(services)
    assert approval.route(SPEC, services, RUN) == "person"
    said = approval.record_answer(SPEC, services, RUN, answered())
    assert (said.event, said.by, said.reason, said.version) == ("approved", "olga", "it is better", 1)
    handed_over = approval.record_approval(SPEC, services, RUN)
    assert handed_over == {"version": 1, "verdict": verdict().digest}
    assert services.adapters.tracker.tags(SPEC.name, 1)["approved_by"] == "olga"
    assert services.adapters.tracker.alias(SPEC.name, "challenger") == 1
    assert approval.record_approval(SPEC, services, RUN) == handed_over
    assert approval.record_answer(SPEC, services, RUN, answered()) == said
    assert events(services) == [("registered", "asset_triggered"), ("verdict", "asset_triggered"), ("approved", "olga")]


@pytest.mark.parametrize("task", ["approve", "approve_by_policy"])
def test_a_task_marked_as_successful_by_hand_approves_nothing(services: Services, task: str) -> None:
    """Neither task has said anything to the record, so it makes no difference which one was marked."""
    judge(services)
    with pytest.raises(ApprovalError, match=r"marked as successful approves nothing"):
        approval.record_approval(SPEC, services, RUN)
    with pytest.raises(ApprovalError, match="it has no approval of its verdict"):
        deployment.package_release(SPEC, services, "1")
    for event in ("rejected", "withdrawn"):
        with pytest.raises(ApprovalError, match=f"version 1 was not {event}: a task was marked by hand"):
            approval.outcome(SPEC, services, RUN, event)


@pytest.mark.parametrize("decision", ["keep_champion", "data_problem"])
def test_a_verdict_that_refuses_is_approved_by_nobody(services: Services, decision: str) -> None:
    judge(services, decision=decision)
    with pytest.raises(ApprovalError, match="nothing to approve"):
        approval.record_answer(SPEC, services, RUN, answered())
    with pytest.raises(ApprovalError, match="it must not be approved"):
        approval.record_approval(SPEC, services, RUN)
    assert approval.outcome(SPEC, services, RUN) == "the champion keeps serving: better"


def test_a_policy_approval_names_the_policy_and_the_hash_of_the_spec(services: Services) -> None:
    judge(services, champion=None)
    assert approval.route(SPEC, services, RUN) == "policy"
    assert approval.record_approval(SPEC, services, RUN) is not None
    entry = services.approvals.history(SPEC)[-1]
    assert (entry.event, entry.by) == ("approved", "approval.first_release: policy")
    assert entry.facts["policy"] == "approval.first_release"
    assert len(entry.facts["spec"]) == 64
    assert approval.record_approval(SPEC, services, RUN) is not None
    assert len(services.approvals.history(SPEC)) == 3


def test_a_policy_does_not_approve_what_asks_for_a_person(services: Services) -> None:
    judge(services, decision="ask_human", champion=None)
    with pytest.raises(ApprovalError, match="a person must answer"):
        approval.record_approval(SPEC, services, RUN)


@pytest.mark.parametrize("starter", ["tina", "otto"])
def test_who_started_the_training_or_the_evaluation_cannot_answer_and_the_question_stays_open(
    services: Services, starter: str
) -> None:
    judge(services, people=("otto",))
    for option in ("Approve", "Reject"):
        with pytest.raises(ApprovalError, match=f"{starter} started the training or the evaluation of version 1"):
            approval.record_answer(SPEC, services, RUN, answered(starter, option))
    assert events(services)[-1] == ("answer_refused", starter)
    asked = approval.question(SPEC, services, RUN)
    assert asked["answering"] == ["admin", "olga"]
    assert "Somebody else than **otto, tina** must answer" in asked["body"]
    assert approval.record_answer(SPEC, services, RUN, answered("olga")).event == "approved"


def test_a_single_login_is_told_to_add_another(tmp_path: Path) -> None:
    services = services_in(tmp_path, airflow_users={"tina": "engineer"})
    judge(services, people=("admin",))
    assert "add one to `MOEBIUS_AIRFLOW_USERS`" in approval.question(SPEC, services, RUN)["body"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answered("", reason="a good reason"), "no person answered"),
        (answered(reason=""), "gave no reason"),
        (answered(reason="  \n "), "gave no reason"),
        (answered(reason=7), "gave no reason"),
        (answered(reason=["a", "b", "c"]), "gave no reason"),
        (answered(option="Reject", reason="ab"), "gave no reason"),
        ({**answered(), "params_input": None}, "gave no reason"),
        ({**answered(), "params_input": {}}, "gave no reason"),
        (answered(reason="a good reason", version=7), r"no fields \['version'\]"),
        (answered(option="approve"), "neither Approve nor Reject"),
        ({**answered(), "chosen_options": []}, "neither Approve nor Reject"),
        ({**answered(), "chosen_options": ["Approve", "Reject"]}, "neither Approve nor Reject"),
        ({"error": "validation", "error_type": "validation"}, "no person answered"),
    ],
)
def test_an_answer_in_another_form_is_recorded_as_refused(services: Services, answer: dict, words: str) -> None:
    judge(services)
    with pytest.raises(ApprovalError, match=words):
        approval.record_answer(SPEC, services, RUN, answer)
    assert services.approvals.history(SPEC)[-1].event == "answer_refused"
    with pytest.raises(ApprovalError):
        approval.record_approval(SPEC, services, RUN)


def test_a_rejection_is_a_record_with_who_when_and_why_and_wipes_nothing(services: Services) -> None:
    services.adapters.tracker.add_document(register(services, people=["tina"]), "model_card.md", "# A card\n")
    judge(services)
    approval.record_answer(SPEC, services, RUN, answered())
    approval.record_approval(SPEC, services, RUN)
    judge(services, run="run-2", reason="the second look")
    said = approval.record_answer(SPEC, services, "run-2", answered("otto", "Reject", reason="fails on JFK"))
    with pytest.raises(ApprovalError, match=r"it was rejected by otto \(fails on JFK\)"):
        approval.record_approval(SPEC, services, "run-2")
    assert f"version 1 was rejected by otto, {said.at:%Y-%m-%d %H:%M} UTC: fails on JFK" == approval.outcome(
        SPEC, services, "run-2"
    )
    card = services.adapters.tracker.document(services.approvals.model(SPEC, 1), "model_card.md")
    told = [line.split(" | ")[1:] for line in card.splitlines() if line.startswith("| 2")]
    assert told == [
        ["registered", "asset_triggered", "trained on d |"],
        ["verdict promote", "asset_triggered", "better |"],
        ["approved", "olga", "it is better |"],
        ["verdict promote", "asset_triggered", "the second look |"],
        ["rejected", "otto", "fails on JFK |"],
    ]
    with pytest.raises(ApprovalError, match="rejected by otto"):
        deployment.package_release(SPEC, services, "1")


def test_a_question_that_a_newer_verdict_replaced_is_withdrawn(services: Services) -> None:
    judge(services)
    assert news(services) is None
    judge(services, version=2, run="run-2")
    assert news(services) == "settled"
    assert news(services, "run-2") is None
    assert approval.record_answer(SPEC, services, RUN, answered()).event == "withdrawn"
    assert approval.record_approval(SPEC, services, RUN) is None
    assert "version 1 was withdrawn by a newer verdict" in approval.outcome(SPEC, services, RUN, "withdrawn")
    assert "version 2 was judged since (promote)" in approval.outcome(SPEC, services, RUN)
    with pytest.raises(ApprovalError, match="withdrawn"):
        deployment.package_release(SPEC, services, "1")


def test_a_newer_verdict_withdraws_an_older_one_that_the_policy_has_not_approved_yet(services: Services) -> None:
    judge(services, champion=None)
    judge(services, version=2, run="run-2", decision="keep_champion")
    assert approval.record_approval(SPEC, services, RUN) is None


def test_a_verdict_that_was_answered_is_not_withdrawn(services: Services) -> None:
    judge(services)
    approval.record_answer(SPEC, services, RUN, answered())
    judge(services, version=2, run="run-2", decision="keep_champion")
    assert approval.record_approval(SPEC, services, RUN) == {"version": 1, "verdict": verdict().digest}


def test_an_approval_ends_with_a_new_verdict_on_the_same_version(services: Services) -> None:
    judge(services)
    approval.record_answer(SPEC, services, RUN, answered())
    judge(services, run="run-2", decision="keep_champion")
    with pytest.raises(ApprovalError, match="the verdict on it is keep_champion"):
        deployment.package_release(SPEC, services, "1")
    with pytest.raises(NotFoundError, match="approve a candidate first"):
        deployment.package_release(SPEC, services, None)


def test_a_run_that_judged_nothing_approves_nothing(services: Services) -> None:
    judge(services)
    for step in (approval.record_approval, approval.route, approval.report, approval.outcome, approval.settle):
        with pytest.raises(NotFoundError, match="the evaluation another has no verdict in the record"):
            step(SPEC, services, "another")


def test_a_start_that_nobody_is_named_for_is_refused(services: Services) -> None:
    with pytest.raises(ApprovalError, match="an asset event that was posted over REST started this training"):
        training.order(SPEC, services, TrainingRequest(), [UNNAMED])
    register(services)
    with pytest.raises(ApprovalError, match="posted over REST started this evaluation"):
        retrain_evaluation.evaluate(SPEC, services, "1", people=[UNNAMED])
