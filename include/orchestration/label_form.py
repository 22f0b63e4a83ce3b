"""The required action that asks for labels: one field per row that the task before it chose."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param
from airflow.sdk.definitions.param import ParamsDict

from include.specification.usecase import UseCase

KEEP, NOT_NOW = "Keep these labels", "Not now"
OPEN_FOR = timedelta(days=14)


class LabelForm(HITLOperator):
    """Waits for a person, or ``OPEN_FOR`` and then for nobody; the rows are the XCom of the task ``rows_of``.

    An answer that is no label fails the task: retried or cleared, it asks again.
    """

    def __init__(self, *, spec: UseCase, rows_of: str, **options: Any) -> None:
        subject = f"{spec.title}: which labels are right?"
        timeout = {"defaults": NOT_NOW, "response_timeout": OPEN_FOR}
        super().__init__(subject=subject, options=[KEEP, NOT_NOW], **timeout, **options)
        self.spec, self.rows_of = spec, rows_of

    def execute(self, context: Context) -> None:
        from include.operations.labelling.labelling_form import body

        self.body = body(self.spec, self._fields(context))
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        from include.operations.labelling.labelling import labels

        chosen = self._fields(context)
        answer = super().execute_complete(context, event)
        if KEEP in answer["chosen_options"]:
            labels(self.spec, chosen, answer["params_input"])
        return {**answer, "responded_at": answer["responded_at"].isoformat()}

    def _fields(self, context: Context) -> Any:
        """The form's fields, made anew whenever the task wakes up, and the selection that they are of."""
        from include.operations.labelling.labelling import CANNOT_TELL, LATER, Selection, choices

        chosen = Selection.model_validate(context["ti"].xcom_pull(task_ids=self.rows_of))
        known = choices(self.spec)
        fixed = {"enum": [LATER, *known, CANNOT_TELL]} if known else {}
        self.params = ParamsDict(
            {
                field: Param(
                    LATER, type="string", title=row.title, source="task", **fixed,
                    description=f"{chosen.release} says {row.answer}",
                )
                for field, row in chosen.fields.items()
            }
        )  # fmt: skip
        return chosen
