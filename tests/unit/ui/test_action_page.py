"""The page of an action asks Airflow with the person's token and does nothing without the form's signature."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from include.adapters.airflow_rest import AirflowRest
from include.contracts.audit_check import AuditCheck
from include.governance.actions import ACTIONS
from include.governance.routes import ROUTES
from include.services import audit_checks
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.ui import action_words, sending
from include.ui.access import Reader, reader_of
from include.ui.acting import route
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.page_client import pages_of

SPEC = load_usecase("flight_delay")
REASON = {"value": "", "description": "Why.", "schema": {"type": "string", "title": "Reason"}}
ROLLBACK = {
    "operation": {"value": "roll_back", "description": "What.", "schema": {"type": "string", "enum": ["a"]}},
    "release": {"value": None, "description": "<b>", "schema": {"type": ["null", "string"], "pattern": r"^r\d{4}$"}},
    "reason": REASON,
}
TASK = {"dag_run_id": "ask-1", "task_id": "approve", "state": "deferred"}
QUESTION = {
    "subject": "May the candidate <i>replace</i> it?", "body": "# verdict\n<script>", "options": ["Approve", "Reject"],
    "params": {"reason": REASON}, "responded_at": None, "task_instance": TASK,
}  # fmt: skip


class Airflow:
    """What is asked of Airflow, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answers: dict[str, tuple[int, Any]] = {
            "details": (200, {"params": ROLLBACK, "is_paused": False}), "dagRuns": (200, {}),
            "hitlDetails": (200, QUESTION),
        }  # fmt: skip

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        status, content = self.answers[request.url.path.rpartition("/")[2]]
        return httpx.Response(status, json=content)

    @property
    def changes(self) -> list[tuple[str, str, Any]]:
        return [(r.method, r.url.path, json.loads(r.content)) for r in self.asked if r.method != "GET"]


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


@pytest.fixture
def client_of(airflow: Airflow, services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], TestClient]:
    monkeypatch.setattr(sending, "conf", SimpleNamespace(get=lambda *_, fallback="": "a secret of Airflow"))
    app = pages_of(services)
    app.dependency_overrides[sending.airflow_of] = lambda: AirflowRest(
        "http://airflow", "token-of-olga", "http://testserver/page", httpx.MockTransport(airflow)
    )

    def client(role: str) -> TestClient:
        app.dependency_overrides[reader_of] = lambda: Reader(services, "olga", role)
        headers = {"Origin": "http://testserver", "Accept-Language": "en"}
        return TestClient(app, headers=headers, follow_redirects=False)

    return client


def sent(client: TestClient, action: str, form: dict[str, str], query: str = "") -> httpx.Response:
    shown = client.get(f"/actions/{SPEC.name}/{action}{query}")
    assert shown.status_code == 200, shown.text
    mark = shown.text.partition('name="signature" value="')[2].partition('"')[0]
    return client.post(f"/actions/{SPEC.name}/{action}", data={"signature": mark, **form})


def test_a_form_asks_airflow_with_the_token_of_the_person(
    client_of: Callable[[str], TestClient], airflow: Airflow
) -> None:
    answer = sent(client_of("operator"), "roll_back", {"release": "r0001", "reason": "it fails at JFK"})
    assert answer.status_code == 303, answer.text
    ((method, path, body),) = airflow.changes
    assert (method, path) == ("POST", f"/api/v2/dags/{SPEC.name}.rollback/dagRuns")
    assert body["conf"] == {"operation": "roll_back", "release": "r0001", "reason": "it fails at JFK"}
    assert body["logical_date"] is None
    assert body["dag_run_id"] in httpx.URL(answer.headers["location"]).params["started"]
    assert {r.headers["authorization"] for r in airflow.asked} == {"Bearer token-of-olga"}


def test_the_form_shows_what_the_action_needs_and_escapes_it(client_of: Callable[[str], TestClient]) -> None:
    page = client_of("operator").get(f"/actions/{SPEC.name}/roll_back?release=r0001&reason=%3Cscript%3E").text
    assert 'value="r0001"' in page
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert 'name="operation"' not in page, "the action fixes it"
    assert 'minlength="3"' in page
    assert "<b>" not in page


def test_a_field_cannot_change_what_the_action_fixes(client_of: Callable[[str], TestClient], airflow: Airflow) -> None:
    sent(client_of("operator"), "abort", {"operation": "roll_back", "release": "r0001", "reason": "p99"})
    assert [body["conf"] for *_, body in airflow.changes] == [{"operation": "abort", "reason": "p99"}]


@pytest.mark.parametrize("form", [{"reason": "a"}, {"reason": " a "}, {}])
def test_without_a_reason_nothing_is_asked_of_airflow(
    client_of: Callable[[str], TestClient], airflow: Airflow, form: dict[str, str]
) -> None:
    answer = sent(client_of("operator"), "abort", form)
    assert (answer.status_code, "in 3 characters or more" in answer.text) == (422, True)
    assert 'aria-invalid="true"' in answer.text
    assert airflow.changes == []


def test_what_airflow_refuses_is_said_in_its_words(client_of: Callable[[str], TestClient], airflow: Airflow) -> None:
    airflow.answers["dagRuns"] = (400, {"detail": "Invalid input for param release: <r9>"})
    answer = sent(client_of("operator"), "roll_back", {"release": "r0009", "reason": "slow"})
    assert answer.status_code == 400
    assert "Airflow refused it (400): Invalid input for param release: &lt;r9&gt;" in answer.text
    assert 'value="r0009"' in answer.text, "what was filled in stays"


def test_a_dag_that_is_not_there_is_named(client_of: Callable[[str], TestClient], airflow: Airflow) -> None:
    airflow.answers["details"] = (404, {"detail": f"The Dag with ID: `{SPEC.name}.rollback` was not found"})
    page = client_of("operator").get(f"/actions/{SPEC.name}/abort")
    assert (page.status_code, f"no DAG {SPEC.name}.rollback" in page.text) == (404, True)
    assert "<form" not in page.text


def test_a_question_is_answered_with_the_option_of_the_action(
    client_of: Callable[[str], TestClient], airflow: Airflow
) -> None:
    form = {"run": "ask-1", "task": "approve", "reason": "better at JFK", "answer": "Approve"}
    answer = sent(client_of("approver"), "reject", form, "?run=ask-1&task=approve")
    assert answer.status_code == 303, answer.text
    path = f"/api/v2/dags/{SPEC.name}.retrain_evaluation/dagRuns/ask-1/taskInstances/approve/-1/hitlDetails"
    body = {"chosen_options": ["Reject"], "params_input": {"reason": "better at JFK"}}
    assert airflow.changes == [("PATCH", path, body)]


def test_questions_that_wait_are_offered(client_of: Callable[[str], TestClient], airflow: Airflow) -> None:
    airflow.answers["hitlDetails"] = (200, {"hitl_details": [QUESTION]})
    page = client_of("approver").get(f"/actions/{SPEC.name}/approve").text
    assert "May the candidate &lt;i&gt;replace&lt;/i&gt; it?" in page
    assert f"/actions/{SPEC.name}/reject?run=ask-1&amp;task=approve" in page


def test_what_became_of_a_run_is_shown_with_the_error_of_its_task(
    client_of: Callable[[str], TestClient], airflow: Airflow
) -> None:
    failed = {"dag_run_id": "r1", "state": "failed", "triggering_user_name": "olga", "conf": {"reason": "<why>"}}
    tasks = [{"task_id": "abort", "state": "failed", "try_number": 2}]
    error = {"exc_type": "NotFoundError", "exc_value": "no rollout is <under> way"}
    log = {"content": [{"event": "began"}, {"event": "failed", "error_detail": [error]}]}
    waits: dict[str, Any] = {"hitl_details": []}
    airflow.answers |= {
        "r1": (200, failed), "taskInstances": (200, {"task_instances": tasks}), "2": (200, log),
        "hitlDetails": (200, waits),
    }  # fmt: skip
    page = client_of("operator").get(f"/actions/{SPEC.name}/abort?started=r1").text
    assert "no rollout is &lt;under&gt; way" in page
    assert "data-refresh=" not in page
    assert f'href="/dags/{SPEC.name}.rollback/runs/r1" data-outside' in page
    failed["state"] = "running"
    assert 'data-refresh="2"' in client_of("operator").get(f"/actions/{SPEC.name}/abort?started=r1").text


def test_a_verification_is_started_as_any_action_and_its_page_says_what_it_found(
    client_of: Callable[[str], TestClient], airflow: Airflow, services: Services
) -> None:
    airflow.answers["details"] = (200, {"params": {}, "is_paused": False})
    client = client_of("auditor")
    answer = sent(client, "verify", {})
    assert answer.status_code == 303, answer.text
    ((_, path, body),) = airflow.changes
    assert (path, body["conf"]) == (f"/api/v2/dags/{SPEC.name}.audit/dagRuns", {})
    run = body["dag_run_id"]
    airflow.answers |= {run: (200, {"dag_run_id": run, "state": "success", "conf": {}, "triggering_user_name": "olga"})}
    airflow.answers |= {"hitlDetails": (200, {}), "taskInstances": (200, {"task_instances": []})}
    assert "Nothing was altered" not in client.get(answer.headers["location"].removeprefix("/moebius")).text
    for other, found in (("another run", False), (run, True)):
        check = AuditCheck(at=datetime.now(UTC), faults=[], counts={"releases": 4}, usecase=SPEC.name, run=other)
        services.adapters.state.put(audit_checks.KEY, check.model_dump_json())
        page = client.get(answer.headers["location"].removeprefix("/moebius")).text
        assert ("Nothing was altered" in page) == found


@pytest.mark.parametrize(("role", "action"), [
    ("engineer", "verify"),
    ("viewer", "abort"), ("auditor", "abort"), ("approver", "abort"), ("engineer", "promote"), ("operator", "approve"),
    ("operator", "erase"),
])  # fmt: skip
def test_another_role_is_refused_whatever_it_sends(
    client_of: Callable[[str], TestClient], airflow: Airflow, role: str, action: str
) -> None:
    client = client_of(role)
    assert client.get(f"/actions/{SPEC.name}/{action}").status_code == 403
    assert client.post(f"/actions/{SPEC.name}/{action}", data={"reason": "why not"}).status_code == 403
    assert airflow.asked == []


@pytest.mark.parametrize("headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_form_from_elsewhere_does_nothing_and_keeps_none_of_its_fields(
    client_of: Callable[[str], TestClient], airflow: Airflow, headers: dict[str, str]
) -> None:
    client = client_of("operator")
    shown = client.get(f"/actions/{SPEC.name}/abort").text
    mark = shown.partition('name="signature" value="')[2].partition('"')[0]
    form = {"signature": mark, "reason": "chosen elsewhere"}
    answer = client.post(f"/actions/{SPEC.name}/abort", data=form, headers=headers)
    assert (answer.status_code, "chosen elsewhere" in answer.text) == (403, False)
    assert airflow.changes == []


def test_a_form_without_a_good_signature_does_nothing(client_of: Callable[[str], TestClient], airflow: Airflow) -> None:
    for mark in ("", "1.2.3"):
        answer = client_of("operator").post(f"/actions/{SPEC.name}/abort", data={"signature": mark, "reason": "why"})
        assert answer.status_code == 403
    assert airflow.changes == []


def test_a_form_that_is_too_large_is_refused(client_of: Callable[[str], TestClient]) -> None:
    body = {"reason": "x" * (sending.LARGEST + 1)}
    assert client_of("operator").post(f"/actions/{SPEC.name}/abort", data=body).status_code == 413


def test_a_use_case_that_is_not_there_is_not_found(client_of: Callable[[str], TestClient]) -> None:
    assert client_of("operator").get("/actions/none/abort").status_code == 404
    assert client_of("operator").post("/actions/none/abort").status_code == 404


def test_every_action_has_a_route_for_its_roles_and_words() -> None:
    for action in ACTIONS.values():
        for method in ("GET", "POST"):
            assert ROUTES[f"{method} {route(action.name)}"] == action.roles
    assert sorted(action_words.DOES) == sorted(ACTIONS)
    assert set(action_words.WITHOUT) | set(action_words.NEEDED) <= set(ACTIONS)
    fixed = {name: set(ACTIONS[name].fields) & action_words.NEEDED[name] for name in action_words.NEEDED}
    assert not any(fixed.values()), "what the action fixes cannot be asked for"
