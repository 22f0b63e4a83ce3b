"""The required action that asks for an approval: who asked for something cannot approve it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.configuration import conf

from include.contracts.operations import OpenQuestion
from include.errors import AccessError
from include.governance import answers, rights
from include.orchestration.dags import run_key, triggered_by
from include.orchestration.steps import bound, deliberate
from include.settings import load_settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from airflow.sdk.execution_time.hitl import HITLUser


REJECTIONS = {
    "export": "export.rejected",
    "hand_over": "hand_over.rejected",
    "predictions_of": "predictions_of.rejected",
    "retirement": "retirement.rejected",
}
"""DAG family → the loop function that takes a rejection."""


def who_asked() -> dict[str, str]:
    """Who started this run may not approve what it asks for."""
    return {triggered_by(): "asked for it"}


def knows_logins() -> bool:
    """Whether Airflow knows logins by the names of the settings: it does while our auth manager is in charge."""
    from include.orchestration.auth import OURS  # not when a DAG file is read: it loads the API server

    return bool(conf.get("core", "auth_manager") == OURS)


def respondents(logins: Iterable[str]) -> "list[HITLUser]":
    """The only logins whose answer Airflow takes: ``assigned_users`` of a required action."""
    return [{"id": login, "name": login} for login in logins]


class Approval(ApprovalOperator):
    """Waits for a person whose role may answer for the DAG family, and who did not start the run.

    What the task ``ask`` says is what the person reads.

    Airflow refuses every other answer at once (``assigned_users``), as long as our auth manager is in charge: others
    know logins by other names. The answer is checked again when it is taken: it comes from Airflow's record of the
    required action then, not from an XCom. A rejection by who asked is refused likewise. The question ends after
    ``approval.expires`` of the spec.

    Raises AirflowFailException when no login may answer, one answered that may not or not in the form, or nobody did.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(task_id="approve", body="{{ ti.xcom_pull(task_ids='ask')['summary'] }}", **options)

    @deliberate
    def execute(self, context: Context) -> None:
        if knows_logins():
            self.assigned_users = respondents(self._may_answer())
        now = datetime.now(UTC)
        until = self._spec.approval.expires.after(now)
        self.response_timeout = until - now
        self._tell_it_waits(now, until)
        super().execute(context)

    @property
    def _spec(self) -> UseCase:
        return load_usecase(self.dag_id.partition(".")[0])

    @property
    def _family(self) -> str:
        return rights.family_of(self.dag_id) or ""

    def _may_answer(self) -> list[str]:
        family, barred = self._family, who_asked()
        if others := rights.answering(load_settings().roles, family, barred):
            return others
        reasons = ", ".join(f"{login!r} {barred[login]}" for login in sorted(barred))
        raise AccessError(
            f"nobody may answer: {reasons}, and no other login has a role that answers for {family} "
            f"({sorted(rights.RIGHTS[family].answer)}); add one to MOEBIUS_AIRFLOW_USERS and start again"
        )

    def _tell_it_waits(self, since: datetime, until: datetime) -> None:
        from include.services import composition, waiting

        of = f"{self._family} {run_key()}"
        question = OpenQuestion(usecase=self._spec.name, question=of, since=since, until=until)
        waiting.opened(composition.services().adapters.state, question, self._family, run_key())

    @deliberate
    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        from include.services import composition, waiting

        waiting.ended(composition.services().adapters.state, self._spec.name, self._family, run_key())
        if event.get("error_type") == "timeout":
            raise AccessError(f"nobody answered within {self._spec.approval.expires}: nothing was done; start again")
        answers.require_other(self.subject, event, who_asked())
        if not answers.choice(event):
            take = partial(bound, self._spec)
            print(take(REJECTIONS[self._family])(event), flush=True)
        answer = super().execute_complete(context, event)
        return {**answer, "responded_at": answer["responded_at"].isoformat()}
