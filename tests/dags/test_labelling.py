"""The form that asks for labels: made of the rows that were chosen, checked before anything is kept."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import ParamValidationError, TaskAwaitingInput

from dags.labelling import build
from include.errors import DataError
from include.operations.labelling.labelling import CANNOT_TELL, LATER, OfferedRow, Selection
from include.orchestration.dags import usecase_dag
from include.orchestration.label_form import KEEP, NOT_NOW, LabelForm
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.operations.task_worlds import regression

ASKING = small_spec(labelling={"rows": 2})
ROWS = [
    OfferedRow(event=f"f{i}", title=f"{i}. f{i}", answer="5%", uncertainty=0.5, shown=f"| x | {i} |") for i in (1, 2)
]
CHOSEN = Selection(usecase="flight_delay", name="s", period="2013-05", release="r1", strategy="entropy", rows=ROWS)
CONTEXT: Any = {
    "ti": SimpleNamespace(xcom_pull=lambda task_ids: CHOSEN.json_dict() if task_ids == "select_rows" else None),
    "task_instance": SimpleNamespace(id="42"),
}


def form(spec: UseCase = ASKING) -> LabelForm:
    return LabelForm(task_id="ask", spec=spec, rows_of="select_rows")


def answer(**fields: str) -> dict[str, Any]:
    chosen = fields.pop("chosen", KEEP)
    who, at = {"id": "1", "name": "ada"}, datetime(2026, 1, 2, tzinfo=UTC)
    return {"chosen_options": [chosen], "params_input": fields, "responded_by_user": who, "responded_at": at}


def test_the_rows_are_chosen_then_asked_about_then_kept() -> None:
    dag = usecase_dag(ASKING, build, "labelling", arc="ml", component="data", doc="")
    after = {task.task_id: task.downstream_task_ids for task in dag.tasks}
    assert after["select_rows"] == {"anything_to_label", "keep_labels"}
    assert after["anything_to_label"] == {"ask"}
    assert after["ask"] == {"keep_labels"}
    assert dag.get_task("ask").retries > 0, "a wrong answer brings the form back"


def test_the_form_has_a_field_for_every_row_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **detail: sent.update(detail))  # the API server's end
    with pytest.raises(TaskAwaitingInput):
        form().execute(CONTEXT)
    assert [*sent["params"]] == ["row_001", "row_002"]
    field = sent["params"]["row_001"]
    assert field["schema"]["enum"] == [LATER, "0", "1", CANNOT_TELL]
    assert (field["schema"]["title"], field["value"]) == ("1. f1", LATER)
    assert "| x | 2 |" in sent["body"]
    assert (sent["options"], sent["defaults"]) == ([KEEP, NOT_NOW], [NOT_NOW])


def test_what_was_answered_goes_on_with_who_and_when() -> None:
    found = form().execute_complete(CONTEXT, answer(row_001="1", row_002=LATER))
    assert found["params_input"] == {"row_001": "1", "row_002": LATER}
    assert (found["responded_by_user"]["name"], found["responded_at"]) == ("ada", "2026-01-02T00:00:00+00:00")


def test_an_answer_that_is_no_label_fails_the_form() -> None:
    with pytest.raises(ParamValidationError, match="row_001"):
        form().execute_complete(CONTEXT, answer(row_001="7", row_002=LATER))
    with pytest.raises(DataError, match="row_001 must be a finite number"):
        form(regression(n=20).spec).execute_complete(CONTEXT, answer(row_001="warm", row_002=LATER))


def test_not_now_takes_whatever_is_in_the_fields() -> None:
    found = form(regression(n=20).spec).execute_complete(CONTEXT, answer(chosen=NOT_NOW, row_001="warm", row_002=""))
    assert found["chosen_options"] == [NOT_NOW]
