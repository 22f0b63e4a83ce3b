"""What a request wants, and that a token gives no more than the login has now."""

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

from include.governance.routes import Rule
from include.orchestration.auth import OURS, MoebiusAuthManager, action
from include.orchestration.gatekeeper import rule_of_request

TASK = DagAccessEntity.TASK_INSTANCE


def test_the_setting_names_the_class() -> None:
    assert f"{MoebiusAuthManager.__module__}.{MoebiusAuthManager.__name__}" == OURS


@pytest.mark.parametrize(("rule", "wanted"), [("clear", "clear"), ("mark", "mark"), ("look", "mark"), (None, "mark")])
def test_a_clear_is_told_from_a_mark_by_the_route(rule: Rule | None, wanted: str) -> None:
    token = rule_of_request.set(rule)
    assert (action("PUT", TASK), action("PUT", DagAccessEntity.RUN)) == (wanted, wanted)
    rule_of_request.reset(token)


def test_what_tasks_wrote_is_read_and_not_only_looked_at() -> None:
    token = rule_of_request.set("read")
    assert (action("GET", TASK), action("GET", None)) == ("read", "read")
    rule_of_request.reset(token)
    assert action("GET", DagAccessEntity.XCOM) == action("GET", DagAccessEntity.TASK_LOGS) == "read"
    assert action("GET", TASK) == "look"


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
