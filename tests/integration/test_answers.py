"""Approvals on a real Airflow, over REST: who asked cannot approve, and no other way passes the question."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pyarrow as pa
import pytest

from include.formats import identity
from include.platform import state
from include.services import export_log
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from tests.integration.airflow_fixtures import Running, airflow_settings, await_api, mortal_api_server, scheduler
from tests.unit.fakes.approvals import judge
from tests.waiting import wait_until

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
DAG = f"/api/v2/dags/{SPEC.name}.export/dagRuns"
EVALUATION = f"/api/v2/dags/{SPEC.name}.retrain_evaluation/dagRuns"
FORM = {"table": "events", "from": "2013-01", "to": "2013-01", "recipient": "auditor", "reason": "a yearly audit"}
APPROVED = {"chosen_options": ["Approve"], "params_input": {}}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A state root with two events, whose exports go to an auditor."""
    settings = airflow_settings(
        tmp_path_factory.mktemp("answers"), recipients={"auditor": {"role": "operator"}}, parallelism=2
    )
    state.claim(settings)
    state.make_keys(settings)
    services = Services(settings)
    services.adapters.lake.publish(SPEC.name, "events", pa.table({"flight_id": ["a", "b"], "late": [1, 0]}), "2013-01")
    from include.commands.exports import new_key

    new_key(settings, "auditor")
    return settings


class Airflow(NamedTuple):
    clients: dict[str, httpx.Client]
    api: Running
    scheduler: Running


@pytest.fixture(scope="module")
def processes(settings: Settings) -> Iterator[Airflow]:
    with mortal_api_server(settings, ["dags", "reserialize"]) as (api, clients):
        clients["admin"].patch("/api/v2/dags?dag_id_pattern=~", json={"is_paused": True}).raise_for_status()
        clients["admin"].patch(f"/api/v2/dags/{SPEC.name}.export", json={"is_paused": False}).raise_for_status()
        with scheduler(settings) as process:
            yield Airflow(clients, api, process)


@pytest.fixture(scope="module")
def clients(processes: Airflow) -> dict[str, httpx.Client]:
    return processes.clients


def asked(client: httpx.Client) -> str:
    """A run that this login started, once its question waits."""
    run = client.post(DAG, json={"logical_date": None, "conf": FORM}).raise_for_status().json()["dag_run_id"]
    reach(client, f"{DAG}/{run}/taskInstances/approve", "awaiting_input")
    return run


ENDED = ("failed", "success", "upstream_failed")


def reach(client: httpx.Client, path: str, wanted: str, seconds: float = 240) -> dict[str, Any]:
    def reached() -> bool:
        state = client.get(path).raise_for_status().json()["state"]
        assert state == wanted or state not in ENDED, f"{path} is {state}, not {wanted}"
        return bool(state == wanted)

    wait_until(reached, seconds, f"{path} is {wanted}", pause=0.3)
    return dict(client.get(path).raise_for_status().json())


def approved(client: httpx.Client, run: str, seconds: float = 240) -> None:
    """Answers until it counts.

    Airflow 3.3 asks again when an answer comes before its scheduler has seen the task pause, which no person does.
    """

    def ended() -> bool:
        state = client.get(f"{DAG}/{run}").raise_for_status().json()["state"]
        assert state != "failed", "the run failed"
        if state != "success" and not client.get(question(run)).raise_for_status().json()["response_received"]:
            client.patch(question(run), json=APPROVED)
        return bool(state == "success")

    wait_until(ended, seconds, f"the end of {run}", pause=0.3)


def question(run: str) -> str:
    return f"{DAG}/{run}/taskInstances/approve/-1/hitlDetails"


def exported(settings: Settings) -> list[tuple[str, str]]:
    return [(one.requested_by, one.approved_by) for one in export_log.recorded(SPEC, Services(settings))]


def test_the_login_that_asked_cannot_approve_and_another_can(
    clients: dict[str, httpx.Client], settings: Settings
) -> None:
    run = asked(clients["admin"])
    refused = clients["admin"].patch(question(run), json=APPROVED)
    assert (refused.status_code, "not a respondent" in refused.text) == (403, True)
    for role in ("engineer", "operator", "auditor"):
        assert clients[role].patch(question(run), json=APPROVED).status_code == 403
    forged = {"key": "return_value", "value": APPROVED | {"responded_by_user": {"id": "x", "name": "x"}}}
    entries = f"{DAG}/{run}/taskInstances/approve/xcomEntries"
    assert {clients[role].post(entries, json=forged).status_code for role in clients} == {403}
    assert exported(settings) == []
    approved(clients["approver"], run)
    assert exported(settings) == [("admin", "anna")]
    told = [e for e in Services(settings).adapters.audit.read() if e.facts.get("run") == identity.in_paths(run)]
    assert [(e.action, e.by, e.outcome) for e in told if e.action in ("export", "approve_export")] == [
        ("export", "admin", "asked"), ("export", "admin", "done"),
        ("approve_export", "anna", "asked"), ("approve_export", "anna", "done"),
    ]  # fmt: skip


def test_who_started_an_evaluation_cannot_approve_its_candidate_and_another_can(
    clients: dict[str, httpx.Client], settings: Settings
) -> None:
    """The verdict is in the record; the tasks that would train for it are marked, which approves nothing."""
    admin, services = clients["admin"], Services(settings)
    judge(services, SPEC, 1, run=identity.in_paths("by-hand"), people=["admin"])
    admin.post(EVALUATION, json={"logical_date": None, "dag_run_id": "by-hand"}).raise_for_status()
    tasks = f"{EVALUATION}/by-hand/taskInstances"
    for task in ("compare", "explain", "route"):
        admin.patch(f"{tasks}/{task}", json={"new_state": "success"}).raise_for_status()
    admin.patch(f"/api/v2/dags/{SPEC.name}.retrain_evaluation", json={"is_paused": False}).raise_for_status()
    reach(admin, f"{tasks}/approve", "deferred")
    form, answer = f"{tasks}/approve/-1/hitlDetails", {"chosen_options": ["Approve"]}
    assert "Somebody else than **admin** must answer" in admin.get(form).raise_for_status().json()["body"]
    given = answer | {"params_input": {"reason": "it is better"}}
    others = [client for role, client in clients.items() if role != "approver"]
    assert {client.patch(form, json=given).status_code for client in others} == {403}
    clients["approver"].patch(form, json=answer | {"params_input": {"reason": ""}}).raise_for_status()
    unanswered(admin, form)
    clients["approver"].patch(form, json=given).raise_for_status()
    reach(admin, f"{tasks}/hand_over", "success")
    said = [(entry.event, entry.by) for entry in services.approvals.history(SPEC)]
    assert said[-2:] == [("answer_refused", "anna"), ("approved", "anna")]


def unanswered(client: httpx.Client, form: str, seconds: float = 240) -> None:
    """Waits until the question is asked again."""
    wait_until(
        lambda: not client.get(form).raise_for_status().json()["response_received"],
        seconds,
        "the question is asked again",
        pause=0.3,
    )


def test_a_question_marked_as_success_without_an_answer_exports_nothing(
    clients: dict[str, httpx.Client], settings: Settings
) -> None:
    before, run = exported(settings), asked(clients["admin"])
    task = f"{DAG}/{run}/taskInstances/approve"
    assert clients["operator"].patch(task, json={"new_state": "success"}).status_code == 403
    clients["admin"].patch(task, json={"new_state": "success"}).raise_for_status()
    reach(clients["admin"], f"{DAG}/{run}/taskInstances/export", "failed")
    log = f"{DAG}/{run}/taskInstances/export/logs/1"
    wait_until(
        lambda: "no person approved this export" in clients["admin"].get(log, params={"full_content": True}).text,
        60, "the log says why", pause=0.3,
    )  # fmt: skip
    assert exported(settings) == before


@pytest.mark.full
def test_a_task_outlives_the_death_of_scheduler_and_api_server(processes: Airflow, settings: Settings) -> None:
    """Both are killed while the export waits for a lock; the next ones find it running, and it runs once."""
    admin, before = processes.clients["admin"], exported(settings)
    run = asked(processes.clients["operator"])
    name = f"events-2013-01-{identity.in_paths(run)}"
    export = f"{DAG}/{run}/taskInstances/export"
    with Services(settings).adapters.locks.hold(f"exports/{SPEC.name}/{name}"):
        admin.patch(question(run), json=APPROVED).raise_for_status()
        reach(admin, export, "running")
        processes.scheduler.kill()
        processes.api.kill()
        processes.api.start()
        processes.scheduler.start()
        await_api(processes.api)
    reach(admin, f"{DAG}/{run}", "success")
    assert admin.get(export).raise_for_status().json()["try_number"] == 1
    assert exported(settings) == [*before, ("olga", "admin")]
