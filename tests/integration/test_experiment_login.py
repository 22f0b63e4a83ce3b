"""MLflow answers nobody who has not logged in, whatever the route, and lets another login read only."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import httpx
import psutil
import pytest

from include.adapters.experiment_server.logins import changes
from include.adapters.experiment_tracker import MlflowTracker
from include.adapters.file_locks import FileLocks
from include.platform import secrets
from include.settings import Settings
from tests import living
from tests.integration.mlflow_fixtures import PASSWORD

pytestmark = pytest.mark.integration
OPEN = {"/health"}
"""What answers an anonymous: that the server lives, and no more."""
PARAMETER = re.compile(r"<[^>]*>|\{[^}]*\}")


@pytest.fixture
def anonymous(mlflow: Settings) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=mlflow.mlflow_url, timeout=120) as client:
        yield client


def as_login(settings: Settings, user: str, password: str) -> httpx.Client:
    return httpx.Client(base_url=settings.mlflow_url, timeout=120, auth=(user, password))


ROUTES = """
import json, warnings
warnings.simplefilter("ignore")
from mlflow.server import app as flask, auth, fastapi_app

def flat(entries):
    for entry in entries:
        yield entry
        yield from flat(getattr(entry, "routes", None) or [])

native = [(m, r.path) for r in flat(fastapi_app.app.routes) if hasattr(r, "path") for m in getattr(r, "methods", 0) or ["GET"]]
handled = [(m, rule.rule) for rule in flask.url_map.iter_rules() for m in rule.methods or ["GET"]]
roles = [(m, path) for _, m, *paths in auth._RBAC_ROUTES for path in paths]
users = [("GET", auth.SIGNUP), ("POST", auth.CREATE_USER), ("POST", auth.CREATE_USER_UI), ("GET", auth.LIST_USERS)]
print(json.dumps([*native, *handled, *roles, *users]))
"""  # noqa: E501 - in a process of its own: an import of the server changes the process


def routes() -> list[tuple[str, str]]:
    """(method, path) of every route of the app: those of FastAPI, of Flask below it, and of the login itself."""
    done = subprocess.run([sys.executable, "-c", ROUTES], capture_output=True, text=True, check=True)
    return sorted({(method, PARAMETER.sub("1", path)) for method, path in json.loads(done.stdout.splitlines()[-1])})


def test_no_route_answers_an_anonymous(anonymous: httpx.Client) -> None:
    """REST, artifacts, graphql, gateway, jobs, traces, the assistant, static files and the UI."""
    known = routes()
    for part in ("/graphql", "/v1/traces", "/mlflow-artifacts/", "/ajax-api/", "/gateway/", "/jobs", "/static-files"):
        assert any(part in path for _, path in known), f"no route with {part} among {len(known)}: are all listed?"
    answered = {
        f"{method} {path}": status
        for method, path in known
        if path not in OPEN and (status := anonymous.request(method, path).status_code) != 401
    }
    assert not answered


@pytest.mark.parametrize(
    "path",
    [
        "/health/../api/2.0/mlflow/experiments/search",
        "/healthz",
        "/health/",
        "//health",
        "/static-files/../api/2.0/mlflow/users/list",
        "/static/x",
        "/favicon.ico",
        "/version",
        "/metrics",
        "/no/such/path",
    ],
)
def test_a_path_that_looks_open_is_not(anonymous: httpx.Client, path: str) -> None:
    assert anonymous.get(path).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic bW9lYml1czo="},
        {"Authorization": "Basic YWRtaW46cGFzc3dvcmQxMjM0"},
        {"Authorization": "Bearer abc"},
        {"Authorization": "Basic ###"},
        {"X-MLflow-Authorization": "Basic bW9lYml1czo="},
    ],
    ids=["no password", "the password of older versions", "a token", "no base64", "another header"],
)
def test_a_wrong_login_is_no_login(anonymous: httpx.Client, headers: dict[str, str]) -> None:
    refused = anonymous.get("/api/2.0/mlflow/experiments/search?max_results=1", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")


def test_tasks_log_in_and_the_password_stands_in_no_command_line(mlflow: Settings) -> None:
    assert MlflowTracker(mlflow, FileLocks(mlflow.home)).log_search("login_case", "0" * 64, {"dataset": "d"})
    lines = [" ".join(living.command_line(p)) for p in living.below(psutil.Process())]
    assert not [line for line in lines if PASSWORD in line]


def test_another_login_reads_and_changes_nothing(mlflow: Settings) -> None:
    """What would forge a verdict: a tag, an alias, an artifact, a version, a user."""
    experiment = MlflowTracker(mlflow, FileLocks(mlflow.home))._experiment("read_case")
    with as_login(mlflow, *secrets.mlflow_login(mlflow)) as admin:
        admin.post("/api/2.0/mlflow/users/create", json={"username": "ada", "password": "of-the-tests-only"})
        made = admin.post("/api/2.0/mlflow/registered-models/create", json={"name": "read_case"})
        assert made.status_code == 200, made.text
    with as_login(mlflow, "ada", "of-the-tests-only") as ada:
        found = ada.get("/api/2.0/mlflow/experiments/get", params={"experiment_id": experiment})
        assert found.json()["experiment"]["name"] == "read_case"
        assert ada.get("/api/2.0/mlflow/registered-models/get", params={"name": "read_case"}).status_code == 200
        api, tag = "/api/2.0/mlflow", {"key": "verdict", "value": "promote"}
        changes = [
            ada.post(f"{api}/experiments/set-experiment-tag", json=tag | {"experiment_id": experiment}),
            ada.post(f"{api}/runs/create", json={"experiment_id": experiment}),
            ada.post(f"{api}/registered-models/set-tag", json=tag | {"name": "read_case"}),
            ada.post(f"{api}/registered-models/alias", json={"name": "read_case", "alias": "champion", "version": "1"}),
            ada.delete(f"{api}/registered-models/delete", params={"name": "read_case"}),
            ada.put(f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/x/artifacts/verdict.json", content=b"{}"),
            ada.post(f"{api}/users/create", json={"username": "eve", "password": "of-the-tests-only"}),
            ada.patch(f"{api}/users/update-admin", json={"username": "ada", "is_admin": True}),
        ]  # fmt: skip
        assert {change.request.url.path: change.status_code for change in changes} == {
            change.request.url.path: 403 for change in changes
        }


def test_people_have_the_logins_that_their_roles_give(mlflow: Settings) -> None:
    """Those of Airflow, with passwords of their own; a person who goes, or who may read less, has none any more."""
    home = mlflow.home / "mlflow"
    passwords = json.loads((home / "passwords.json").read_text())
    assert sorted(passwords) == ["approver", "auditor", "engineer", "operator"]
    assert (home / "passwords.json").stat().st_mode & 0o77 == 0
    for login, password in passwords.items():
        with as_login(mlflow, login, password) as person:
            assert person.get("/api/2.0/mlflow/experiments/search?max_results=1").status_code == 200
            made = person.post("/api/2.0/mlflow/registered-models/create", json={"name": f"of_{login}"})
            assert made.status_code == 403, login
            found = person.post("/api/2.0/mlflow/runs/search", json={"experiment_ids": ["0"]})
            assert found.status_code == 200, "this is read with POST"
    run = [sys.executable, "-c", ALIGN, str(mlflow.home)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    known = json.loads(done.stdout.splitlines()[-1])
    own = {"admin": True, "moebius": True, "by_hand": False}
    others = ("ada", "rita")  # of other tests
    first, then = ({name: admin for name, admin in each.items() if name not in others} for each in known)
    assert (first, then) == ({**own, "eve": True, "uwe": False}, {**own, "eve": False})
    assert list(json.loads((home / "passwords.json").read_text())) == ["eve"]


ALIGN = """
import json, sys, warnings
warnings.simplefilter("ignore")
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore
from include.adapters.experiment_server.logins import align
from include.settings import Settings

store, known = SqlAlchemyStore(), []
store.init_db(f"sqlite:///{sys.argv[1]}/mlflow/basic_auth.db")
store.create_user("by_hand", "of-the-tests-only")
for people in ({"vera": "viewer", "eve": "admin", "uwe": "engineer"}, {"eve": "auditor"}):
    align(Settings(home=sys.argv[1], airflow_users=people), store)
    known.append({user.username: user.is_admin for user in store.list_users()})
print(json.dumps(known))
"""  # in a process of its own: an import of the server changes the process


def test_no_route_that_changes_something_is_for_a_reader(mlflow: Settings) -> None:
    with as_login(mlflow, *secrets.mlflow_login(mlflow)) as admin:
        admin.post("/api/2.0/mlflow/users/create", json={"username": "rita", "password": "of-the-tests-only"})
    changing = [(m, p) for m, p in routes() if changes(m, p)]
    assert len(changing) > 100
    with as_login(mlflow, "rita", "of-the-tests-only") as rita:
        done = {f"{m} {p}": status for m, p in changing[::9] if (status := rita.request(m, p).status_code) != 403}
    assert not done


def test_readers_and_writers_of_its_databases_go_on_side_by_side(mlflow: Settings) -> None:
    for name in ("mlflow.db", "basic_auth.db"):
        with closing(sqlite3.connect(mlflow.home / "mlflow" / name)) as database:
            assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",), name
