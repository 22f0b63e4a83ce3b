"""The required action that asks whether a candidate may replace the champion; its answer is signed into the record."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.standard.operators.hitl import HITLBranchOperator
from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.sdk import Context, Param
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.triggers.base import TriggerEvent

from include.errors import ApprovalError, MoebiusError
from include.governance.answers import APPROVE
from include.governance.approval import LEAST_REASON, REASON, REJECT
from include.orchestration.answers import knows_logins, respondents
from include.orchestration.dags import run_key
from include.orchestration.steps import bound
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

NEXT = {"approved": "hand_over", "rejected": "rejected", "withdrawn": "withdrawn"}
"""The task that follows, by what became of the question."""
WITHDRAWN = {"withdrawn": True}
WHY = f"Why you approve or reject, in {LEAST_REASON} letters or more; kept with your answer."
FIELDS = {REASON: Param("", type="string", title="Reason", description=WHY)}
"""``params`` of the form."""


class QuestionTrigger(HITLTrigger):
    """Fires when somebody answers, or when a newer verdict withdraws the question."""

    def __init__(self, *, usecase: str, run_key: str, **asked: Any) -> None:
        super().__init__(**asked)
        self.usecase, self.run_key = usecase, run_key

    def serialize(self) -> tuple[str, dict[str, Any]]:
        own = {"usecase": self.usecase, "run_key": self.run_key}
        return f"{type(self).__module__}.{type(self).__qualname__}", {**super().serialize()[1], **own}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            if await self._was_withdrawn():
                yield TriggerEvent(WITHDRAWN)
                return
            if event := await self._handle_response():
                yield event
                return
            await asyncio.sleep(self.poke_interval)

    async def _was_withdrawn(self) -> bool:
        """What cannot be read for a moment is looked at again: a trigger that fails would end the question."""
        try:
            return await asyncio.to_thread(self._is_withdrawn)
        except MoebiusError as error:
            if not error.retryable:
                raise
            self.log.warning("asked again in %.0f s: %s", self.poke_interval, error)
            return False

    def _is_withdrawn(self) -> bool:
        from include.loop import approval
        from include.services import composition

        return approval.is_withdrawn(load_usecase(self.usecase), composition.services(), self.run_key)


class ApprovalForm(HITLBranchOperator):
    """Waits for a person who did not start the training; what follows is by their answer.

    An answer that does not count (of who started it, without a reason, in another form) is recorded, and the question
    is asked again. Airflow itself refuses who is not among the assigned logins, where it knows logins by name.
    """

    def __init__(self, *, spec: UseCase, **options: Any) -> None:
        super().__init__(
            subject=f"{spec.title}: may the candidate replace the serving model?", options=[APPROVE, REJECT], **options
        )
        self.spec = spec

    def execute(self, context: Context) -> None:
        asked = bound(self.spec, "approval.question")(run_key())
        self.body = asked["body"]
        if knows_logins():
            self.assigned_users = respondents(asked["answering"])
        self._wait(context)

    def _wait(self, context: Context) -> None:
        """Ask, or ask again: an answer that was given before is taken off the question."""
        try:
            super().execute(context)
        except TaskAwaitingInput:  # nothing would wake a task that only awaits input when a newer verdict comes
            self.defer(trigger=self._trigger(context), method_name="execute_complete")

    def _trigger(self, context: Context) -> QuestionTrigger:
        return QuestionTrigger(
            usecase=self.spec.name, run_key=run_key(), ti_id=context["task_instance"].id, options=self.options,
            params=self.serialized_params, defaults=None, multiple=False, timeout_datetime=None,
        )  # fmt: skip

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        try:
            said = bound(self.spec, "approval.record_answer")(run_key(), event)
        except ApprovalError as refusal:
            self.log.warning("%s", refusal)
            return self._wait(context)
        self.log.info("%s by %s: %s", said.event, said.by, said.reason)
        self.do_branch(context, NEXT[said.event])
        return {"event": said.event, "by": said.by, "reason": said.reason}
