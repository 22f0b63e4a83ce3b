"""The required action that asks for an approval: who asked for something cannot approve it."""

from collections.abc import Callable, Mapping
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.configuration import conf

from include.errors import AccessError
from include.governance import answers, rights
from include.orchestration.dags import triggered_by
from include.orchestration.steps import deliberate
from include.settings import load_settings
from include.specification.usecase import UseCase

Barred = Callable[[], Mapping[str, str]]
"""Logins that may not answer this run's question, and what each did; called in the worker."""


def who_asked() -> dict[str, str]:
    """Who started this run may not approve what it asks for."""
    return {triggered_by(): "asked for it"}


class Approval(ApprovalOperator):
    """Waits for a person whose role may answer for the DAG family, and who is not barred.

    Airflow refuses every other answer at once (``assigned_users``), as long as our auth manager is in charge: others
    know logins by other names. The answer is checked again when it is taken: it comes from Airflow's record of the
    required action then, not from an XCom. A rejection by who asked is refused likewise.

    Raises AirflowFailException when no login may answer, or one answered that may not.
    """

    def __init__(self, *, spec: UseCase, barred: Barred = who_asked, **options: Any) -> None:
        super().__init__(task_id="approve", **options)
        self.spec, self.barred = spec, barred

    @deliberate
    def execute(self, context: Context) -> None:
        from include.orchestration.auth import OURS  # not when a DAG file is read: it loads the API server

        if conf.get("core", "auth_manager") == OURS:
            self.assigned_users = [{"id": login, "name": login} for login in self._may_answer()]
        super().execute(context)

    def _may_answer(self) -> list[str]:
        family = rights.family_of(self.dag_id) or ""
        allowed = [login for login, role in load_settings().roles.items() if rights.may(role, family, "answer")]
        barred = self.barred()
        if others := sorted(set(allowed) - set(barred)):
            return others
        reasons = ", ".join(f"{login!r} {barred[login]}" for login in sorted(barred))
        raise AccessError(
            f"nobody may answer: {reasons}, and no other login has a role that answers for {family} "
            f"({sorted(rights.RIGHTS[family].answer)}); add one to MOEBIUS_AIRFLOW_USERS and start again"
        )

    @deliberate
    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        answers.require_other(self.subject, event, self.barred())
        answer = super().execute_complete(context, event)
        return {**answer, "responded_at": answer["responded_at"].isoformat()}
