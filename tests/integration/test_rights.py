"""The whole matrix of rights, role by family by action, over REST on a real API server."""

import hmac
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from include.contracts.governance import Role
from include.governance.rights import RIGHTS, Action, may
from include.governance.routes import ROUTES, Rule, served
from include.settings import ROOT, Settings
from tests.integration.airflow_fixtures import LOGINS, Running, airflow_settings, mortal_api_server
from tests.integration.oidc_fixtures import KEY_ID, Realm, realm_running

pytestmark = pytest.mark.integration
FAMILIES = sorted(file.stem for file in (ROOT / "dags").glob("*.py") if "dag_family(" in file.read_text())
ROLES: tuple[Role, ...] = get_args(Role)
LEVELS = Settings().access
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
        "code": request("GET", "/dagSources/<dag>"),
    },
    "read": {
        "xcom": request("GET", f"/dags/<dag>/{TASK}/xcomEntries"),
        "question": request("GET", f"/dags/<dag>/{TASK}/-1/hitlDetails"),
        "log": request("GET", f"/dags/<dag>/{TASK}/logs/1"),
        "templates": request("GET", f"/dags/<dag>/{TASK}"),
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
def realm() -> Iterator[Realm]:
    with realm_running() as realm:
        yield realm


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, realm: Realm
) -> Iterator[tuple[Running, dict[str, httpx.Client]]]:
    settings = airflow_settings(tmp_path_factory.mktemp("rights"), oidc_issuer=realm.issuer)
    with mortal_api_server(settings) as server:
        yield server


@pytest.fixture(scope="module")
def clients(running: tuple[Running, dict[str, httpx.Client]]) -> dict[str, httpx.Client]:
    return running[1]


def test_the_matrix_is_tested_whole() -> None:
    assert sorted(REQUESTS) == sorted(get_args(Action))
    assert sorted(RIGHTS) == FAMILIES


def mine(role: Role, family: str, action: Action) -> bool:
    return may(role, family, action, LEVELS[role])


ALIKE = {rights: family for family, rights in RIGHTS.items()}
"""One family of those with the same rights."""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("family", sorted(ALIKE.values()))
def test_a_role_does_with_a_dag_family_what_the_matrix_says_and_nothing_else(
    clients: dict[str, httpx.Client], family: str, role: Role
) -> None:
    """The DAG is of no use case: what is allowed finds nothing, and what is not is refused before."""
    for action, requests in REQUESTS.items():
        for name, send in requests.items():
            answer = send(clients[role], f"no_usecase.{family}")
            assert (answer.status_code != 403) == mine(role, family, action), (action, name, answer.text)
            assert answer.status_code != 401


@pytest.mark.parametrize("family", FAMILIES)
def test_every_form_is_for_the_roles_of_the_matrix(clients: dict[str, httpx.Client], family: str) -> None:
    for action in ("trigger", "read"):
        send = next(iter(REQUESTS[action].values()))
        given = {role: send(clients[role], f"no_usecase.{family}").status_code != 403 for role in ROLES}
        assert given == {role: mine(role, family, action) for role in ROLES}, action


WHOSE = "no_usecase.training"
ANY = {"dag_id": WHOSE, "dag_run_id": "r", "task_id": "t", "map_index": "-1", "xcom_key": "k", "usecase": "none",
       "number": "0"}  # fmt: skip
BULK = {"actions": [{"action": "delete", "entities": ["nothing"]}]}
BODIES: dict[str, Any] = {
    "POST /api/v2/backfills": {"dag_id": WHOSE, "from_date": WHEN, "to_date": WHEN},
    "POST /api/v2/backfills/dry_run": {"dag_id": WHOSE, "from_date": WHEN, "to_date": WHEN},
    "POST /api/v2/dags/{dag_id}/clearDagRuns": {"dag_runs": [{"dag_run_id": "r"}]},
    **dict.fromkeys((f"PATCH /api/v2/{of}" for of in ("connections", "pools", "variables")), BULK),
    "PATCH /api/v2/dags/{dag_id}/dagRuns": BULK,
}
ABSENT = {"POST /api/v2/assets/{asset_id}/materialize", "PUT /api/v2/parseDagFile/{file_token}"} | {
    f"PUT /api/v2/backfills/{{backfill_id}}/{what}" for what in ("pause", "unpause", "cancel")
}
"""A backfill or a file that is not there is said not to be, whoever asks."""
ENDS = {"GET /api/v2/auth/logout"}
"""Takes the token that it is asked with."""


def asked(client: httpx.Client, route: str) -> int:
    method, path = route.split()
    filled = re.sub(r"\{(\w+)(:path)?\}", lambda m: ANY.get(m[1], "1"), path)
    body = {} if method in ("POST", "PUT", "PATCH") else None
    return client.request(method, filled, json=BODIES.get(route, body)).status_code


def expected(role: Role, route: str, rule: Rule) -> bool:
    """A route without a DAG is served to whoever may do it with some DAG; what it finds is another matter."""
    of_a_dag = "{dag_id}" in route or "dag_id" in BODIES.get(route, {})
    if not of_a_dag or not isinstance(rule, str) or rule in ("open", "task"):
        return served(role, rule)
    return mine(role, "training", rule)


@pytest.mark.parametrize("role", ROLES)
def test_every_route_serves_the_roles_of_the_matrix_and_no_other(clients: dict[str, httpx.Client], role: Role) -> None:
    given = {r: asked(clients[role], r) for r, rule in ROUTES.items() if rule != "task" and r not in ENDS}
    assert [route for route, status in given.items() if status >= 500] == []
    wrong = {r: s for r, s in given.items() if (s not in (401, 403)) != expected(role, r, ROUTES[r])}
    assert {r: s for r, s in wrong.items() if not (r in ABSENT and s == 404)} == {}


def test_no_route_but_the_open_ones_answers_without_a_login(running: tuple[Running, dict[str, httpx.Client]]) -> None:
    with httpx.Client(base_url=running[0].settings.airflow_url, timeout=60) as anonymous:
        given = {route: asked(anonymous, route) for route, rule in ROUTES.items() if rule != "task"}
    answered = {route for route, status in given.items() if status not in (401, 403)}
    assert answered == {route for route, rule in ROUTES.items() if rule == "open"}


def test_the_server_has_the_routes_of_the_matrix_and_no_other(running: tuple[Running, dict[str, httpx.Client]]) -> None:
    """The server compares them when it is asked first: whatever it serves, an auth manager's and a plugin's too."""
    httpx.get(f"{running[0].settings.airflow_url}/api/v2/version", timeout=60)
    lines = [line for line in running[0].log.read_text().splitlines() if "include/governance/routes.py" in line]
    assert any("routes are compared" in line for line in lines)
    assert [line for line in lines if "routes are compared" not in line] == []


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
    assert given["admin"] != 403 or path == "/config"  # it holds keys: for nobody


def test_a_dag_that_is_not_of_a_use_case_keeps_airflows_rule(clients: dict[str, httpx.Client]) -> None:
    path = f"{API}/dags/my_own/{TASK}"
    given = {role: clients[role].patch(path, json={"new_state": "success"}).status_code for role in ROLES}
    assert given == {role: 404 if role in ("engineer", "operator", "admin") else 403 for role in ROLES}


def with_token(running: tuple[Running, dict[str, httpx.Client]], token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=running[0].settings.airflow_url, headers=headers, timeout=60)


@pytest.mark.parametrize("role", ROLES)
def test_a_token_of_keycloak_has_the_rights_of_its_role(
    running: tuple[Running, dict[str, httpx.Client]], realm: Realm, role: Role
) -> None:
    """As a role of the realm; as one of the client and as a group it is found by the same name."""
    with with_token(running, realm.token(realm.claims(LOGINS[role], f"moebius-{role}"))) as client:
        for family in ("training", "deployment", "key_rotation"):
            answer = REQUESTS["trigger"]["run"](client, f"no_usecase.{family}")
            assert (answer.status_code != 403) == mine(role, family, "trigger"), (family, answer.text)
        assert client.get("/moebius/catalog/").status_code == 200
        assert client.get("/ui/auth/me").json()["username"] == LOGINS[role]
        assert (client.get(f"{API}/variables").status_code == 200) == (role == "admin")


def test_roles_of_the_client_and_groups_count_as_those_of_the_realm(
    running: tuple[Running, dict[str, httpx.Client]], realm: Realm
) -> None:
    named: list[dict[str, Any]] = [
        {"resource_access": {"moebius": {"roles": ["moebius-auditor"]}}},
        {"groups": ["/staff", "/staff/moebius-auditor"]},
    ]
    for claims in named:
        with with_token(running, realm.token(realm.claims("aud", **claims))) as client:
            assert client.get(f"{API}/eventLogs").status_code == 200
            assert REQUESTS["trigger"]["run"](client, WHOSE).status_code == 403


BAD: dict[str, dict[str, Any]] = {
    "expired": {"exp": 1_700_000_000},
    "without an end": {"exp": None},
    "for another client": {"aud": "shop"},
    "of another issuer": {"iss": "http://127.0.0.1:1/realms/moebius"},
    "an ID token": {"typ": "ID"},
    "a refresh token": {"typ": "Refresh"},
    "of a stranger": {"preferred_username": "mallory"},
    "of a login with another role": {"preferred_username": "uwe"},
    "with two roles": {"groups": ["moebius-engineer"]},
    "without a role": {"realm_access": {"roles": ["admin", "moebius", "moebius-root"]}},
    "with roles of another client": {
        "realm_access": {}, "resource_access": {"shop": {"roles": ["moebius-admin"]}},
    },
    "with roles in another form": {"realm_access": "moebius-admin", "groups": {"moebius-admin": 1}},
}  # fmt: skip


def with_public_key(realm: Realm, claims: dict[str, Any]) -> str:
    """HS256 with the realm's public key as the secret, by hand: PyJWT refuses to make such a token."""
    pem = realm.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = {"alg": "HS256", "typ": "JWT", "kid": KEY_ID}
    text = b".".join(base64url_encode(json.dumps(part).encode()) for part in (head, claims))
    return (text + b"." + base64url_encode(hmac.digest(pem, text, "sha256"))).decode()


@pytest.mark.parametrize("fault", [*BAD, "signed by another", "not signed", "signed with the public key"])
def test_a_token_that_is_not_right_is_no_login(
    running: tuple[Running, dict[str, httpx.Client]], realm: Realm, fault: str
) -> None:
    claims = realm.claims("admin", "moebius-admin") | BAD.get(fault, {})
    claims = {name: value for name, value in claims.items() if value is not None}
    if fault == "signed by another":
        token = Realm(1).token(claims)
    elif fault == "not signed":
        token = jwt.encode(claims, "", algorithm="none", headers={"kid": KEY_ID})
    elif fault == "signed with the public key":
        token = with_public_key(realm, claims)
    else:
        token = realm.token(claims)
    with with_token(running, token) as client:
        given = {path: client.get(path).status_code for path in (f"{API}/dags", f"{API}/variables", "/moebius/")}
        given["trigger"] = REQUESTS["trigger"]["run"](client, WHOSE).status_code
    assert set(given.values()) <= {401, 403}, given
