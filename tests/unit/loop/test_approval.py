"""What a person, a policy, a task that was marked by hand or MLflow say about a release, and what of it counts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from include.contracts.approval import UNNAMED, Evidence
from include.contracts.development import TrainingRequest
from include.development.datasets.parts import MANIFEST
from include.errors import ApprovalError, NotFoundError
from include.formats import state_file
from include.loop import approval, deployment, retrain_evaluation, rollout, training
from include.records.registry import NOTICES
from include.services import evidence, notices, verdicts
from include.services.composition import Services
from include.specification.approving import Approval
from tests.unit.evaluation.evaluation_specs import small_spec
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


TWO_STAGES = small_spec(
    approval={
        "stages": [
            {"name": "technical", "logins": ["tess"]},
            {"name": "business", "roles": ["approver"], "quorum": 2},
        ],
        "remind": "1 day", "escalate": {"after": "3 days", "to": ["risk", "nowhere"]}, "notify": ["releases"],
    }
)  # fmt: skip


@pytest.fixture
def staged(tmp_path: Path) -> Services:
    """A verdict that needs tess, then two approvers; some of them have an address."""
    made = services_in(
        tmp_path, airflow_users={**USERS, "tess": "approver", "anna": "approver"},
        notify_addresses={"olga": "olga@example.com", "risk": "risk@example.com", "tina": "tina@example.com"},
        notify_webhooks={"releases": "https://chat.example.com/hook"},
    )  # fmt: skip
    judge(made)
    return made


def test_a_quorum_is_of_different_people_one_stage_after_another(staged: Services) -> None:
    assert approval.question(TWO_STAGES, staged, RUN)["answering"] == ["tess"]
    with pytest.raises(ApprovalError, match="olga, whose role is approver, is not of the stage technical"):
        approval.record_answer(TWO_STAGES, staged, RUN, answered("olga"))
    said = [approval.record_answer(TWO_STAGES, staged, RUN, answered(login)).event for login in ("tess", "olga")]
    assert said == ["agreed", "agreed"]
    asked = approval.question(TWO_STAGES, staged, RUN)
    assert (asked["agreed"], asked["settled"], asked["answering"]) == (2, None, ["anna", "otto"])
    assert "**olga** agreed" in asked["body"]
    for login in ("olga", "tess"):
        with pytest.raises(ApprovalError, match=f"{login} has answered already, and a person counts once"):
            approval.record_answer(TWO_STAGES, staged, RUN, answered(login))
    with pytest.raises(ApprovalError, match="nobody approved it"):
        approval.record_approval(TWO_STAGES, staged, RUN)
    done = approval.record_answer(TWO_STAGES, staged, RUN, answered("otto"))
    assert (done.event, done.facts["approvers"]) == (
        "approved",
        [
            {"login": "tess", "stage": "technical"},
            {"login": "olga", "stage": "business"},
            {"login": "otto", "stage": "business"},
        ],
    )
    assert approval.record_approval(TWO_STAGES, staged, RUN) is not None
    tags = staged.adapters.tracker.tags(SPEC.name, 1)
    assert (tags["approved_by"], tags["approved_evidence"]) == ("tess, olga, otto", done.evidence)


def test_one_rejection_is_final_whatever_is_answered_later(staged: Services) -> None:
    approval.record_answer(TWO_STAGES, staged, RUN, answered("tess"))
    approval.record_answer(TWO_STAGES, staged, RUN, answered("olga", "Reject", reason="fails on JFK"))
    assert news(staged, spec=TWO_STAGES) == "settled"
    later = approval.record_answer(TWO_STAGES, staged, RUN, answered("otto"))
    assert (later.event, later.by) == ("rejected", "olga")
    with pytest.raises(ApprovalError, match="rejected by olga"):
        approval.record_approval(TWO_STAGES, staged, RUN)


def test_a_stage_may_want_more_than_one_rejection(staged: Services) -> None:
    two = small_spec(approval={"stages": [{"name": "release", "rejections": 2}]})
    first = approval.record_answer(two, staged, RUN, answered("olga", "Reject"))
    assert (first.event, news(staged, spec=two)) == ("disagreed", None)
    assert approval.record_answer(two, staged, RUN, answered("otto", "Reject")).event == "rejected"


def test_who_evaluated_the_version_before_stays_barred(services: Services) -> None:
    """An evaluation that is repeated without a person asks for the same thing."""
    judge(services, people=("otto",))
    judge(services, run="run-2")
    with pytest.raises(ApprovalError, match="otto started the training or the evaluation"):
        approval.record_answer(SPEC, services, "run-2", answered("otto"))


def test_a_question_that_nobody_answers_reminds_escalates_and_expires(
    staged: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = [news(staged, spec=TWO_STAGES, after=timedelta(days=days)) for days in (0.5, 1.1, 3.1, 14.1)]
    assert due == [None, "remind", "escalate", "expired"]
    told = approval.notice(TWO_STAGES, staged, RUN, "remind", "http://airflow/required_actions")
    assert [(one.name, one.way) for one in told.receivers] == [("releases", "webhook")]
    approval.record_answer(TWO_STAGES, staged, RUN, answered("tess"))
    later = datetime.now(UTC) + timedelta(days=15)
    for module in (notices, approval):
        monkeypatch.setattr(module, "datetime", SimpleNamespace(now=lambda zone: later))
    told = approval.notice(TWO_STAGES, staged, RUN, "escalate", "http://airflow/required_actions")
    assert [one.name for one in told.receivers] == ["olga", "releases", "risk"]
    assert "stage business, approval 1 of 2" in told.text
    kept = NOTICES.read(SPEC.name, staged.adapters.lake)
    assert [(row.receiver, row.way, row.outcome) for row in kept] == [("nowhere", "none", "failed")]
    ended = approval.record_answer(TWO_STAGES, staged, RUN, answered("olga"))
    assert (ended.event, ended.by) == ("expired", "approval.expires")
    assert ended.reason == "1 of 3 people approved within 14 days; the champion stays"
    assert approval.settle(TWO_STAGES, staged, RUN) == ended
    assert "was expired" in approval.outcome(TWO_STAGES, staged, RUN, "expired")
    with pytest.raises(ApprovalError, match=r"expired by approval\.expires"):
        deployment.package_release(TWO_STAGES, staged, "1")


@pytest.mark.parametrize("what", ["the model card", "the spec", "the dataset"])
def test_an_approval_is_on_the_evidence_that_was_judged(tmp_path: Path, what: str) -> None:
    services = services_in(tmp_path / "state", airflow_users=USERS)
    register(services, people=["tina"])
    model = services.approvals.model(SPEC, 1)
    manifest = Path(model.dataset.path).parent / model.dataset.name / MANIFEST
    manifest.parent.mkdir(parents=True)
    state_file.write(manifest, model.dataset.model_dump_json())
    services.adapters.tracker.add_document(model, "model_card.md", "# A card\n\nIts limits.\n")
    judge(services)
    said = approval.record_answer(SPEC, services, RUN, answered())
    shown = services.approvals.history(SPEC)[-2].facts["evidence"]
    assert said.evidence == Evidence.model_validate(shown).digest
    assert all(shown.values())
    assert approval.record_approval(SPEC, services, RUN) is not None
    operated = small_spec(rollout={"strategy": "canary", "steps": [0.2]}, monitoring={"drift_threshold": 0.5})
    evidence.require_unchanged(operated, services.adapters, services.approvals.history(SPEC), 1)
    spec = SPEC
    if what == "the model card":
        services.adapters.tracker.add_document(model, "model_card.md", "# A card\n\nNo limits.\n")
    elif what == "the dataset":
        state_file.write(manifest, model.dataset.model_copy(update={"label": "other"}).model_dump_json())
    else:
        spec = small_spec(comparison={"min_gain": 0.5}, rollout={"strategy": "canary", "steps": [0.1]})
    with pytest.raises(ApprovalError, match=f"version 1 of flight_delay is not deployed: since it was judged {what}"):
        deployment.package_release(spec, services, "1")
    judge(services, run="run-2", reason="judged on what it is now")
    with pytest.raises(ApprovalError, match="it has no approval of its verdict"):
        deployment.package_release(SPEC, services, "1")


def test_evidence_that_changes_while_a_question_waits_withdraws_it(services: Services) -> None:
    judge(services)
    services.adapters.tracker.add_document(services.approvals.model(SPEC, 1), "model_card.md", "# Another card\n")
    said = approval.record_answer(SPEC, services, RUN, answered())
    assert (said.event, said.by) == ("withdrawn", "changed evidence")
    assert "the model card changed (none → " in said.reason


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"stages": []}, "at least 1 item"),
        ({"stages": [{"name": "a", "quorum": 2, "logins": ["x"]}]}, "2 people must approve, and logins names 1"),
        ({"stages": [{"name": "a"}, {"name": "a"}]}, "two have the name 'a'"),
        ({"stages": [{"name": "a", "roles": ["operator"]}]}, "'approver' or 'admin'"),
        ({"stages": [{"name": "a", "quorum": 6}, {"name": "b", "quorum": 5}]}, "11 people must approve in all"),
        ({"expires": "2 days", "escalate": {"after": "2 days", "to": ["risk"]}}, "is not before expires = 2 days"),
    ],
)
def test_rules_that_can_never_be_met_are_refused_with_the_spec(part: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Approval.model_validate({"first_release": "policy", "retrain": "human", **part})
