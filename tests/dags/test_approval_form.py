"""The form that asks for an approval: who may answer, what does not count, and what follows."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.standard.operators import hitl
from airflow.providers.standard.triggers import hitl as hitl_triggers
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.execution_time.context import set_current_context
from airflow.triggers.base import TriggerEvent

from include.formats.identity import in_paths
from include.governance.answers import APPROVE, REJECT
from include.loop import rollout
from include.orchestration import approval_form
from include.orchestration.approval_form import FIELDS, ApprovalForm, QuestionTrigger
from include.orchestration.auth import OURS
from include.orchestration.dags import STARTED_BY, starters
from include.services import composition, verdicts
from include.services.composition import Services
from include.specification.approving import Stage
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import register, verdict

SPEC = load_usecase("flight_delay")
RUN = SimpleNamespace(run_id="asset__1", triggering_user_name=None)
RUN_KEY = in_paths(RUN.run_id)
CONTEXT: Any = {"dag_run": RUN, "ti": SimpleNamespace(), "task_instance": SimpleNamespace(
    id=uuid4(), dag_id=f"{SPEC.name}.retrain_evaluation", run_id=RUN.run_id, task_id="approve", map_index=-1
)}  # fmt: skip


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """A verdict against version 9, which serves, waits for a person; tina started the training."""
    made = services_in(tmp_path, airflow_users={"tina": "approver", "olga": "approver", "ulla": "engineer"})
    rollout.promote_release(SPEC, made, packaged(made, SPEC, 9, approved=False))
    verdicts.store(SPEC, made, register(made, people=["tina"]), verdict(), run=RUN_KEY, by="asset_triggered")
    monkeypatch.setattr(composition, "services", lambda *_: made)
    with set_current_context(CONTEXT):
        yield made


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch) -> ApprovalForm:
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", OURS)
    return ApprovalForm(spec=SPEC, params=FIELDS)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the API server was given."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **detail: sent.append(detail))
    return sent


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tasks that the form branched into."""
    branches: list[Any] = []
    monkeypatch.setattr(ApprovalForm, "do_branch", lambda self, context, branch: branches.append(branch))
    return branches


def answer(by: str, chosen: str = APPROVE, reason: str = "it is better") -> dict[str, Any]:
    who, at = {"id": by, "name": by}, datetime(2026, 1, 2, tzinfo=UTC)
    return {
        "chosen_options": [chosen], "params_input": {"reason": reason}, "responded_by_user": who, "responded_at": at
    }  # fmt: skip


def test_the_question_is_for_logins_that_did_not_start_it_and_asks_for_a_reason(
    services: Services, form: ApprovalForm, asked: list[dict[str, Any]]
) -> None:
    with pytest.raises(TaskDeferred) as waiting:
        form.execute(CONTEXT)
    assert [user["id"] for user in asked[0]["assigned_users"]] == ["admin", "olga"]
    assert [*asked[0]["params"]] == ["reason"]
    assert verdict().digest[:12] in asked[0]["body"]
    assert isinstance(waiting.value.trigger, QuestionTrigger)
    path, kwargs = waiting.value.trigger.serialize()
    assert path.endswith("approval_form.QuestionTrigger")
    assert QuestionTrigger(**kwargs).run_key == RUN_KEY


@pytest.mark.parametrize("given", [answer("tina"), answer("tina", REJECT), answer("olga", reason=""), {"error": "x"}])
def test_an_answer_that_does_not_count_asks_again_and_loses_nothing(
    services: Services, form: ApprovalForm, asked: list[dict[str, Any]], followed: list[Any], given: dict[str, Any]
) -> None:
    with pytest.raises(TaskDeferred):
        form.execute_complete(CONTEXT, given)
    assert (len(asked), followed) == (1, [])
    assert services.approvals.history(SPEC)[-1].event == "answer_refused"
    form.execute_complete(CONTEXT, answer("olga"))
    assert followed == ["hand_over"]


@pytest.mark.parametrize(("chosen", "task"), [(APPROVE, "hand_over"), (REJECT, "rejected")])
def test_what_follows_is_by_the_answer(
    services: Services, form: ApprovalForm, followed: list[Any], chosen: str, task: str
) -> None:
    said = form.execute_complete(CONTEXT, answer("olga", chosen))
    assert (followed, said["by"], said["reason"]) == ([task], "olga", "it is better")


def test_each_answer_that_the_spec_wants_has_a_form_of_its_own(
    services: Services, asked: list[dict[str, Any]], followed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", OURS)
    two = SPEC.model_copy(update={"approval": SPEC.approval.model_copy(update={"stages": [Stage(name="b", quorum=2)]})})
    first, second = approval_form.forms(two)
    assert (first.task_id, second.task_id) == ("approve", "approve_2")
    assert second.subject.endswith("Stage b, approval 2 of 2")
    first.execute_complete(CONTEXT, answer("olga"))
    with pytest.raises(TaskDeferred) as waiting:
        second.execute(CONTEXT)
    assert [user["id"] for user in asked[-1]["assigned_users"]] == ["admin"]
    assert "**olga** agreed" in asked[-1]["body"]
    with pytest.raises(TaskDeferred) as reminded:
        second.execute_complete(CONTEXT, {"news": "remind"})
    assert (len(asked), type(reminded.value.trigger)) == (1, type(waiting.value.trigger))
    first.execute(CONTEXT)
    second.execute_complete(CONTEXT, answer("admin"))
    assert followed == ["approve_2", "approve_2", "hand_over"]


def test_a_newer_verdict_wakes_the_question_and_ends_it_as_withdrawn(
    services: Services, form: ApprovalForm, followed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = SimpleNamespace(response_received=False, chosen_options=None)
    monkeypatch.setattr(hitl_triggers, "get_hitl_detail_content_detail", lambda ti_id: nobody)
    trigger = QuestionTrigger(
        usecase=SPEC.name, run_key=RUN_KEY, since=datetime.now(UTC), ti_id=CONTEXT["task_instance"].id,
        options=[APPROVE, REJECT], params={}, timeout_datetime=None, poke_interval=0.01,
    )  # fmt: skip
    event = asyncio.run(woken(trigger, services))
    assert event.payload == {"news": "settled"}
    assert form.execute_complete(CONTEXT, event.payload)["event"] == "withdrawn"
    assert followed == ["withdrawn"]


async def woken(trigger: QuestionTrigger, services: Services) -> TriggerEvent:
    """The first event of the trigger; a newer version is judged while it waits."""
    events = trigger.run()
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    assert not waiting.done()
    verdicts.store(SPEC, services, register(services), verdict(2, decision="keep_champion"), run="newer")
    return await waiting


@pytest.mark.parametrize(
    ("by", "extras", "expected"),
    [
        ("ada", [{STARTED_BY: ["ben"]}], ["ada"]),
        (None, [{STARTED_BY: ["ben"]}, {STARTED_BY: ["ada", "ben"]}], ["ada", "ben"]),
        (None, [{}], []),
        (None, [], []),
        (None, [{STARTED_BY: ["ben"], "from_rest_api": True}], ["somebody over REST"]),
    ],
)
def test_who_started_a_chain_of_runs_is_carried_by_its_asset_events(
    by: str | None, extras: list[dict[str, Any]], expected: list[str]
) -> None:
    events = {"asset": [SimpleNamespace(extra=extra) for extra in extras]}
    context: Any = {"dag_run": SimpleNamespace(triggering_user_name=by), "triggering_asset_events": events}
    with set_current_context(context):
        assert starters() == expected
