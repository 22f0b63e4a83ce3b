"""Airflow's simple auth manager, with rights per role, DAG family and action (``include.governance.rights``)."""

import asyncio
from typing import Any

from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import (
    AssetDetails,
    ConfigurationDetails,
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
    VariableDetails,
)
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

from include.contracts.governance import Role
from include.governance.rights import Action, family_of, may
from include.orchestration import oidc
from include.orchestration.audited_requests import AuditedRequests, audit_log, login_of
from include.orchestration.gatekeeper import Gatekeeper, rule_of_request
from include.settings import load_settings

OURS = "include.orchestration.auth.MoebiusAuthManager"
"""What ``[core] auth_manager`` is set to."""

AIRFLOWS: dict[Role, str] = {
    "viewer": "VIEWER",
    "engineer": "USER",
    "operator": "OP",
    "approver": "VIEWER",
    "auditor": "VIEWER",
    "admin": "ADMIN",
}
"""Role → Airflow's own role, for everything that is not of a DAG of ours."""


ACTIONS: dict[tuple[ResourceMethod, DagAccessEntity | None], Action] = {
    ("PUT", None): "pause",
    ("POST", DagAccessEntity.RUN): "trigger",
    ("PUT", DagAccessEntity.HITL_DETAIL): "answer",
    ("DELETE", None): "delete",
    ("DELETE", DagAccessEntity.RUN): "delete",
    ("POST", DagAccessEntity.XCOM): "write_xcom",
    ("PUT", DagAccessEntity.XCOM): "write_xcom",
    ("DELETE", DagAccessEntity.XCOM): "write_xcom",
}
READS = (DagAccessEntity.XCOM, DagAccessEntity.TASK_LOGS)


def action(method: ResourceMethod, entity: DagAccessEntity | None) -> Action:
    """What a request wants; what is not known to be less counts as a mark.

    Airflow asks with PUT both for a clear and for a mark, and with GET for a run and for its logs: the route says more.
    """
    rule = rule_of_request.get()
    if method == "GET":
        return "read" if rule == "read" or entity in READS else "look"
    return ACTIONS.get((method, entity), "clear" if rule == "clear" else "mark")


class MoebiusAuthManager(SimpleAuthManager):
    """Rights of ``RIGHTS`` for the DAGs of a use case; every other DAG has Airflow's own rule.

    Variables and connections hold keys and passwords, and an asset event posted by hand starts what waits for it:
    these, and Airflow's configuration, are for admins.
    """

    def get_fastapi_middlewares(self) -> list[tuple[Any, dict[str, Any]]]:
        audited = (AuditedRequests, {"audit": audit_log, "who": login_of})
        return [*super().get_fastapi_middlewares(), (Gatekeeper, {}), audited]

    async def get_user_from_token(self, token: str) -> BaseUser:
        """Airflow's token, or one of the OpenID Connect server: with the role of the settings, if it says the same."""
        settings = load_settings()
        if not settings.oidc_issuer or not oidc.issued_by(token, settings.oidc_issuer):
            return await super().get_user_from_token(token)
        login, role = await asyncio.to_thread(oidc.person, token, settings.oidc_issuer, settings.oidc_client)
        now = {known.username: known.role for known in self.get_users()}
        return SimpleAuthManagerUser(username=login, role=role if now.get(login) == role else None)

    def deserialize_user(self, token: dict[str, Any]) -> SimpleAuthManagerUser:
        """The login with the role that it has now: a token outlives a change of the settings."""
        user = super().deserialize_user(token)
        now = {known.username: known.role for known in self.get_users()}
        return SimpleAuthManagerUser(username=user.username, role=now.get(user.username), teams=user.teams)

    @staticmethod
    def _is_admin(user: SimpleAuthManagerUser) -> bool:
        return SimpleAuthManager._is_admin(_as_airflow_knows(user))

    @staticmethod
    def _is_authorized(*, user: SimpleAuthManagerUser, **asked: Any) -> bool:
        return SimpleAuthManager._is_authorized(user=_as_airflow_knows(user), **asked)

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: SimpleAuthManagerUser,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        family = family_of(details.id) if details and details.id else None
        if family is None:  # Airflow asks without a DAG before it asks for each DAG of a request
            return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
        role = (user.role or "").lower()
        level = dict(load_settings().access).get(role, "none")  # type: ignore[call-overload]
        return may(role, family, action(method, access_entity), level)

    def is_authorized_asset(
        self, *, method: ResourceMethod, user: SimpleAuthManagerUser, details: AssetDetails | None = None
    ) -> bool:
        allowed = super().is_authorized_asset(method=method, user=user, details=details)
        return allowed and (method == "GET" or self._is_admin(user))

    def is_authorized_variable(
        self, *, method: ResourceMethod, user: SimpleAuthManagerUser, details: VariableDetails | None = None
    ) -> bool:
        return self._is_admin(user)

    def is_authorized_connection(
        self, *, method: ResourceMethod, user: SimpleAuthManagerUser, details: ConnectionDetails | None = None
    ) -> bool:
        return self._is_admin(user)

    def is_authorized_configuration(
        self, *, method: ResourceMethod, user: SimpleAuthManagerUser, details: ConfigurationDetails | None = None
    ) -> bool:
        return self._is_admin(user)


def _as_airflow_knows(user: SimpleAuthManagerUser) -> SimpleAuthManagerUser:
    """The same login with Airflow's own role; without one when the role is not known."""
    role = next((theirs for ours, theirs in AIRFLOWS.items() if ours == (user.role or "").lower()), None)
    return SimpleAuthManagerUser(username=user.username, role=role, teams=user.teams)
