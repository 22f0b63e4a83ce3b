"""The whole matrix of rights, role by family by action, over REST on a real API server."""

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import httpx
import pytest

from include.contracts.governance import Role
from include.governance.rights import RIGHTS, Action, may
from include.settings import ROOT
from tests.integration.airflow_fixtures import airflow_settings, api_server

pytestmark = pytest.mark.integration
FAMILIES = sorted(file.stem for file in (ROOT / "dags").glob("*.py") if "dag_family(" in file.read_text())
ROLES: tuple[Role, ...] = get_args(Role)
API, TASK = "/api/v2", "dagRuns/r/taskInstances/t"
WHEN = "2026-01-01T00:00:00Z"
Request = Callable[[httpx.Client, str], httpx.Response]


def request(method: str, path: str, body: Any = None) -> Request:
    """One request for the DAG; ``<dag>`` in path and body is its id."""

    def send(client: httpx.Client, dag: str) -> httpx.Response:
        given = {key: value.replace("<dag>", dag) if isinstance(value, str) else value for key, value in body.items()}
        return client.request(method, API + path.replace("<dag>", dag), json=given)

    def ask(client: httpx.Client, dag: str) -> httpx.Response:
        return client.request(method, API + path.replace("<dag>", dag))

    return ask if body is None else send


def bulk(path: str, action: str, **entity: Any) -> Request:
    """A bulk request without a DAG in its path; a refusal of one entity stands in the answer."""

    def send(client: httpx.Client, dag: str) -> httpx.Response:
        entities = [{**entity, "dag_id": dag, "dag_run_id": "r"}]
        answer = client.patch(API + path, json={"actions": [{"action": action, "entities": entities}]})
        refused = [e for e in answer.json().get(action, {}).get("errors", []) if e["status_code"] == 403]
        return httpx.Response(403) if refused else answer

    return send


def clear_bulk(client: httpx.Client, dag: str) -> httpx.Response:
    return client.post(f"{API}/dags/~/clearDagRuns", json={"dag_runs": [{"dag_id": dag, "dag_run_id": "r"}]})


REQUESTS: dict[Action, dict[str, Request]] = {
    "look": {
        "dag": request("GET", "/dags/<dag>"),
        "xcom": request("GET", f"/dags/<dag>/{TASK}/xcomEntries"),
        "question": request("GET", f"/dags/<dag>/{TASK}/-1/hitlDetails"),
        "log": request("GET", f"/dags/<dag>/{TASK}/logs/1"),
        "code": request("GET", "/dagSources/<dag>"),
    },
    "trigger": {
        "run": request("POST", "/dags/<dag>/dagRuns", {"logical_date": None}),
        "backfill": request("POST", "/backfills", {"dag_id": "<dag>", "from_date": WHEN, "to_date": WHEN}),
    },
    "answer": {
        "form": request("PATCH", f"/dags/<dag>/{TASK}/-1/hitlDetails", {"chosen_options": ["Approve"]}),
    },
    "clear": {
        "tasks": request("POST", "/dags/<dag>/clearTaskInstances", {"dry_run": False, "dag_run_id": "r"}),
        "run": request("POST", "/dags/<dag>/dagRuns/r/clear", {"dry_run": False}),
        "runs": clear_bulk,
    },
    "pause": {
        "pause": request("PATCH", "/dags/<dag>", {"is_paused": True}),
    },
    "mark": {
        "task": request("PATCH", f"/dags/<dag>/{TASK}", {"new_state": "success"}),
        "mapped task": request("PATCH", f"/dags/<dag>/{TASK}/0", {"new_state": "success"}),
        "dry run": request("PATCH", f"/dags/<dag>/{TASK}/dry_run", {"new_state": "success"}),
        "run": request("PATCH", "/dags/<dag>/dagRuns/r", {"state": "success"}),
        "deleted task": request("DELETE", f"/dags/<dag>/{TASK}"),
        "state": request("PUT", f"/dags/<dag>/{TASK}/state-store/api/v2/backfills/1", {"value": "1"}),
        "tasks in bulk": bulk("/dags/~/dagRuns/~/taskInstances", "update", task_id="t", new_state="success"),
        "tasks deleted in bulk": bulk("/dags/~/dagRuns/~/taskInstances", "delete", task_id="t"),
        "runs in bulk": bulk("/dags/~/dagRuns", "update", state="success"),
    },
    "delete": {
        "run": request("DELETE", "/dags/<dag>/dagRuns/r"),
        "dag": request("DELETE", "/dags/<dag>"),
        "runs in bulk": bulk("/dags/~/dagRuns", "delete"),
    },
    "write_xcom": {
        "new": request("POST", f"/dags/<dag>/{TASK}/xcomEntries", {"key": "return_value", "value": 1}),
        "changed": request("PATCH", f"/dags/<dag>/{TASK}/xcomEntries/return_value", {"value": 1}),
        "deleted": request("DELETE", f"/dags/<dag>/{TASK}/xcomEntries/return_value"),
    },
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Client]]:
    with api_server(airflow_settings(tmp_path_factory.mktemp("rights"))) as clients:
        yield clients


def test_the_matrix_is_tested_whole() -> None:
    assert sorted(REQUESTS) == sorted(get_args(Action))
    assert sorted(RIGHTS) == FAMILIES


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_role_does_with_a_dag_family_what_the_matrix_says_and_nothing_else(
    clients: dict[str, httpx.Client], family: str, role: Role
) -> None:
    """The DAG is of no use case: what is allowed finds nothing, and what is not is refused before."""
    for action, requests in REQUESTS.items():
        for name, send in requests.items():
            answer = send(clients[role], f"no_usecase.{family}")
            assert (answer.status_code != 403) == may(role, family, action), (action, name, answer.text)
            assert answer.status_code != 401


NOTHING_CHANGES = {
    "/api/v2/dags/{dag_id}/dagRuns/list",
    "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list",
}
"""Written with POST, but only read."""
ONES_OWN = {"/api/v2/dags/{dag_id}/favorite", "/api/v2/dags/{dag_id}/unfavorite", "/ui/auth/token"}
"""What a login changes of its own."""
CHANGES = ("post", "put", "patch", "delete")
ANY = {"dag_id": "no_usecase.training", "dag_run_id": "r", "task_id": "t", "map_index": "-1", "xcom_key": "k"}
BULK = {"actions": [{"action": "delete", "entities": ["nothing"]}]}
BODIES: dict[str, Any] = {
    "/api/v2/backfills": {"dag_id": "no_usecase.training", "from_date": WHEN, "to_date": WHEN},
    "/api/v2/dags/{dag_id}/clearDagRuns": {"dag_runs": [{"dag_run_id": "r"}]},
    **dict.fromkeys(("/api/v2/connections", "/api/v2/pools", "/api/v2/variables"), BULK),
    "/api/v2/dags/{dag_id}/dagRuns": BULK,
    "/api/v2/connections/enqueue-test": {"connection_id": "c", "conn_type": "http"},
}
ABSENT = (404,)
"""A backfill or a file that is not there is said not to be, whoever asks."""


def writes(clients: dict[str, httpx.Client]) -> list[tuple[str, str]]:
    """Method and path of every route of this server that changes something."""
    paths = clients["admin"].get("/openapi.json").json()["paths"]
    routes = [(method, path) for path, methods in paths.items() for method in methods if method in CHANGES]
    return [(m, p) for m, p in routes if p not in NOTHING_CHANGES | ONES_OWN and not p.startswith("/auth/")]


def changed(client: httpx.Client, method: str, path: str) -> int:
    filled = re.sub(r"\{(\w+)(:path)?\}", lambda m: ANY.get(m[1], "1"), path)
    body = None if method == "delete" else BODIES.get(path, {})
    return client.request(method, filled, json=body).status_code


def test_every_route_of_airflow_that_changes_something_is_closed_to_a_viewer(clients: dict[str, httpx.Client]) -> None:
    """Also a route that a later Airflow adds, or that the matrix does not name."""
    routes = writes(clients)
    assert len(routes) > 40
    given = {(m, p): changed(clients["viewer"], m, p) for m, p in routes}
    assert {at: status for at, status in given.items() if status not in (403, *ABSENT)} == {}
    assert {at[1] for at, status in given.items() if status in ABSENT} <= {
        f"/api/v2/backfills/{{backfill_id}}/{what}" for what in ("pause", "unpause", "cancel")
    } | {"/api/v2/parseDagFile/{file_token}"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/variables", None),
        ("POST", "/variables", {"key": "moebius_hand_over_keys", "value": "mine"}),
        ("GET", "/connections", None),
        ("POST", "/connections", {"connection_id": "c", "conn_type": "http"}),
        ("GET", "/config", None),
        ("POST", "/assets/events", {"asset_id": 1}),
        ("POST", "/assets/1/materialize", {}),
        ("DELETE", "/assets/1/queuedEvents", None),
    ],
)
def test_keys_configuration_and_asset_events_are_for_admins(
    clients: dict[str, httpx.Client], method: str, path: str, body: Any
) -> None:
    given = {role: clients[role].request(method, API + path, json=body).status_code for role in ROLES}
    assert [given[role] for role in ROLES if role != "admin"] == [403] * 5
    assert given["admin"] != 403 or path == "/config"  # Airflow itself shows it to nobody unless it is told to


def test_a_dag_that_is_not_of_a_use_case_keeps_airflows_rule(clients: dict[str, httpx.Client]) -> None:
    path = f"{API}/dags/my_own/{TASK}"
    given = {role: clients[role].patch(path, json={"new_state": "success"}).status_code for role in ROLES}
    assert given == {role: 404 if role in ("engineer", "operator", "admin") else 403 for role in ROLES}
