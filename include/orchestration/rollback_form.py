"""The required action that asks which release to put back; its options are the existing releases."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration.steps import bound
from include.specification.usecase import UseCase

KEEP = "Keep what serves"
OPEN_FOR = timedelta(days=1)


class RollbackForm(HITLOperator):
    """Waits for a person, or ``OPEN_FOR`` and then keeps what serves; its result is the release's name.

    *Keep what serves* skips the task, and with it what would put a release back.
    """

    def __init__(self, *, spec: UseCase, **options: Any) -> None:
        super().__init__(
            subject=f"{spec.title}: which release should serve?", options=[KEEP], defaults=KEEP,
            response_timeout=OPEN_FOR, **options,
        )  # fmt: skip
        self.spec = spec

    def execute(self, context: Context) -> None:
        self._ask()
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        self._ask()
        answer = super().execute_complete(context, event)
        if answer["chosen_options"] == [KEEP]:
            raise AirflowSkipException("the serving release stays")
        return str(bound(self.spec, "rollback.chosen")(answer))

    def _ask(self) -> None:
        """The form as it is now: made anew whenever the task wakes up."""
        names, self.body = bound(self.spec, "rollback.question")()
        self.options = [*names, KEEP]
