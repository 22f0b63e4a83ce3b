"""The required action that asks whether a candidate may replace the champion; its answer is signed into the record."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.hitl import HITLBranchOperator
from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.sdk import Context, Param
from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.triggers.base import TriggerEvent

from include.contracts.approval import ApprovalEntry
from include.contracts.notices import NoticeKind
from include.errors import ApprovalError, MoebiusError
from include.governance.answers import APPROVE, LEAST_REASON, REASON, REJECT
from include.orchestration.answers import knows_logins, respondents
from include.orchestration.dags import run_key
from include.orchestration.steps import bound
from include.settings import load_settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

NEXT = {"approved": "hand_over", "rejected": "rejected", "withdrawn": "withdrawn", "expired": "expired"}
"""The task that follows, by what became of the question."""
ENDED = ("settled", "expired")
WHY = f"Why you approve or reject, in {LEAST_REASON} letters or more; kept with your answer."
FIELDS = {REASON: Param("", type="string", title="Reason", description=WHY)}
"""``params`` of the form; Airflow wants them where the task is made."""


class QuestionTrigger(HITLTrigger):
    """Fires when somebody answers, when the question has ended, and when a notice is due."""

    def __init__(self, *, usecase: str, run_key: str, since: datetime, **asked: Any) -> None:
        """``since``: up to when notices were given."""
        super().__init__(**asked)
        self.usecase, self.run_key, self.since = usecase, run_key, since

    def serialize(self) -> tuple[str, dict[str, Any]]:
        own = {"usecase": self.usecase, "run_key": self.run_key, "since": self.since}
        return f"{type(self).__module__}.{type(self).__qualname__}", {**super().serialize()[1], **own}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            news = await self._looked()
            if news in ENDED:
                yield TriggerEvent({"news": news})
                return
            if event := await self._handle_response():
                yield event
                return
            if news:
                yield TriggerEvent({"news": news})
                return
            await asyncio.sleep(self.poke_interval)

    async def _looked(self) -> str | None:
        """What cannot be read for a moment is looked at again: a trigger that fails would end the question."""
        try:
            return await asyncio.to_thread(self._news)
        except MoebiusError as error:
            if not error.retryable:
                raise
            self.log.warning("asked again in %.0f s: %s", self.poke_interval, error)
            return None

    def _news(self) -> str | None:
        from include.loop import approval
        from include.services import composition

        spec, services = load_usecase(self.usecase), composition.services()
        return approval.news(spec, services, self.run_key, self.since, datetime.now(UTC))


class ApprovalForm(HITLBranchOperator):
    """Waits for a person who did not start the training; what follows is by their answer.

    ``number`` counts the answers that the spec wants, of all stages: each has a form of its own, because Airflow keeps
    the text of a form and the logins that may answer it. An answer that does not count (of who started it, without a
    reason, in another form) is recorded, and the question is asked again. Airflow itself refuses who is not among the
    assigned logins, where it knows logins by name.
    """

    def __init__(self, *, spec: UseCase, number: int = 1, **options: Any) -> None:
        super().__init__(task_id=form_id(number), subject=_subject(spec, number), options=[APPROVE, REJECT], **options)
        self.spec, self.number = spec, number

    def execute(self, context: Context) -> Any:
        asked = bound(self.spec, "approval.question")(run_key())
        if asked["settled"]:
            return self._end(context)
        if asked["agreed"] >= self.number:
            return self.do_branch(context, form_id(self.number + 1))
        self.body = asked["body"]
        if knows_logins():
            self.assigned_users = respondents(asked["answering"])
        self.notifiers = self._notifiers("asked", context)
        return self._wait(context)

    def _wait(self, context: Context) -> None:
        """Ask, or ask again: an answer that was given before is taken off the question."""
        try:
            super().execute(context)
        except TaskAwaitingInput:  # nothing would wake a task that only awaits input when a newer verdict comes
            self._wait_on(context)

    def _wait_on(self, context: Context) -> None:
        """Wait without asking: an answer that came meanwhile stays on the question, and is taken next."""
        self.defer(trigger=self._trigger(context), method_name="execute_complete")

    def _trigger(self, context: Context) -> QuestionTrigger:
        """It does not check the fields of the form: that is done with the record, which names who answered."""
        return QuestionTrigger(
            usecase=self.spec.name, run_key=run_key(), since=datetime.now(UTC), ti_id=context["task_instance"].id,
            options=self.options, params={}, defaults=None, multiple=False, timeout_datetime=None,
        )  # fmt: skip

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        if (news := event.get("news")) in ENDED:
            return self._end(context)
        if news:
            for notifier in self._notifiers(news, context):
                notifier(context)
            return self._wait_on(context)
        try:
            entry = bound(self.spec, "approval.record_answer")(run_key(), event)
        except ApprovalError as refusal:
            self.log.warning("%s", refusal)
            return self._wait(context)
        self.log.info("%s by %s: %s", entry.event, entry.by, entry.reason)
        return self._follow(context, entry)

    def _follow(self, context: Context, entry: ApprovalEntry) -> Any:
        """To the task that an answer leads to; the same form is asked again when it wants one more answer."""
        if entry.event in NEXT:
            self.do_branch(context, NEXT[entry.event])
        elif bound(self.spec, "approval.question")(run_key())["agreed"] >= self.number:
            self.do_branch(context, form_id(self.number + 1))
        else:
            return self._wait(context)
        return {"event": entry.event, "by": entry.by, "reason": entry.reason}

    def _end(self, context: Context) -> Any:
        entry = bound(self.spec, "approval.settle")(run_key())
        if entry.event == "expired":
            for notifier in self._notifiers("expired", context):
                notifier(context)
        return self._follow(context, entry)

    def _notifiers(self, kind: NoticeKind, context: Context) -> Sequence[BaseNotifier]:
        """None when the notices cannot be made, which stops no question."""
        from include.orchestration.notices import notifiers  # not when a DAG file is read: it loads the mail client

        try:
            return notifiers(self.spec, kind, self._link(context))
        except MoebiusError as error:
            self.log.error("no notice (%s) is sent: %s", kind, error)
            return []

    def _link(self, context: Context) -> str:
        address = conf.get("api", "base_url", fallback="") or load_settings().airflow_url
        return self.generate_link_to_ui(task_instance=context["task_instance"], base_url=address)


def form_id(number: int) -> str:
    """The task that asks for an answer, which are counted from 1."""
    return "approve" if number == 1 else f"approve_{number}"


def forms(spec: UseCase) -> list[ApprovalForm]:
    """One for each answer that the spec wants, in their order."""
    return [ApprovalForm(spec=spec, number=number, params=FIELDS) for number in range(1, spec.approval.answers + 1)]


def _subject(spec: UseCase, number: int) -> str:
    asked = f"{spec.title}: may the candidate replace the serving model?"
    if spec.approval.answers == 1:
        return asked
    return f"{asked} Stage {spec.approval.stage(number).name}, approval {number} of {spec.approval.answers}"
