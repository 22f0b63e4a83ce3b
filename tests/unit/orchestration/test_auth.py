"""What a request wants, and that a token gives no more than the login has now."""

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

from include.orchestration import auth
from include.orchestration.auth import OURS, MoebiusAuthManager, RequestSeen, action

TASK = DagAccessEntity.TASK_INSTANCE


def test_the_setting_names_the_class() -> None:
    assert f"{MoebiusAuthManager.__module__}.{MoebiusAuthManager.__name__}" == OURS


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("POST", "/api/v2/dags/a.training/clearTaskInstances", "clear"),
        ("POST", "/api/v2/dags/a.training/dagRuns/r/clear", "clear"),
        ("POST", "/api/v2/dags/~/clearDagRuns", "clear"),
        ("PUT", "/api/v2/backfills/1/pause", "clear"),
        ("PATCH", "/api/v2/dags/a.training/dagRuns/r/taskInstances/t", "mark"),
        ("PATCH", "/api/v2/dags/a.training/dagRuns/clear", "mark"),
        ("PUT", "/api/v2/dags/a.training/dagRuns/r/taskInstances/t/state-store/api/v2/backfills/1", "mark"),
    ],
)
def test_a_clear_is_told_from_a_mark_by_the_request(method: str, path: str, wanted: str) -> None:
    token = auth._asked.set((method, path))
    assert (action("PUT", TASK), action("PUT", DagAccessEntity.RUN)) == (wanted, wanted)
    auth._asked.reset(token)


def test_without_a_request_the_greater_right_is_needed() -> None:
    assert action("PUT", TASK) == "mark"


@pytest.mark.parametrize("entity", [*DagAccessEntity, None])
def test_an_action_that_is_not_known_counts_as_a_mark(entity: DagAccessEntity | None) -> None:
    known = {None: {"pause", "delete", "mark"}, DagAccessEntity.RUN: {"trigger", "delete", "mark"}}
    named = known.get(entity, {"mark", "answer"} if entity is DagAccessEntity.HITL_DETAIL else {"mark"})
    allowed = {"write_xcom"} if entity is DagAccessEntity.XCOM else named
    assert {action(method, entity) for method in ("POST", "PUT", "DELETE")} <= allowed


def test_a_token_gives_the_role_that_the_login_has_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "olga:viewer")
    manager = MoebiusAuthManager()
    roles = {name: manager.deserialize_user({"sub": name, "role": "admin"}).role for name in ("olga", "gone")}
    assert roles == {"olga": "viewer", "gone": None}


@pytest.mark.parametrize("role", ["ADMIN", "admin", "Operator", "op", "stranger", None])
def test_a_role_is_known_in_any_case_and_no_other_is(role: str | None) -> None:
    user, details = SimpleAuthManagerUser(username="u", role=role), DagDetails(id="a.rollback")
    allowed = MoebiusAuthManager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    )
    assert allowed == ((role or "").lower() in ("admin", "operator"))


async def _noop(scope: object, receive: object, send: object) -> None:
    assert auth._asked.get() == ("PUT", "/api/v2/backfills/1/pause")


def test_the_path_is_that_below_the_root_of_the_server() -> None:
    import asyncio

    scope = {"type": "http", "method": "PUT", "path": "/air/api/v2/backfills/1/pause", "root_path": "/air"}
    asyncio.run(RequestSeen(_noop)(scope, None, None))  # type: ignore[arg-type]
