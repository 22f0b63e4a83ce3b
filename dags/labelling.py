"""# Labelling

Asks people for the labels that would teach the model most. It selects unlabelled rows of a period that the champion is
most uncertain about (`labelling.strategy` in `usecase.yaml`: entropy, margin, or disagreement between releases), and no
two rows that are alike. The next dataset uses the answers, from the moment they were given.

**Runs** after a period was monitored, or by hand with a period. Before the first release it asks nobody.

**When it waits**: `ask` is a *required action* (see *Browse → Required Actions*, or the tab of the task). Each row
has a picture or a table, the answer of the model, and a field: its label, `(later)`, or `(cannot tell)`. *Not now*
stores nothing; a form that nobody answers for 14 days stores nothing either, and its rows are offered again.

**When it fails**

| task | cause | do |
|---|---|---|
| `select_rows` | the period is not published | publish the period, run again |
| `ask` | an answer is not a valid label (the message names the fields); nothing was stored | answer the form again: it appears twice by itself, later when you clear the task |
| `keep_labels` | the lake could not be written | clear it; nothing is stored twice |
"""

from datetime import datetime

from airflow.sdk import task

from include.orchestration import assets
from include.orchestration.dags import dag_family, on_period, period_form, run_periods, xcom
from include.orchestration.label_form import KEEP, LabelForm
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "labelling.select_rows")
    def select_rows(call: Call) -> dict:
        return call(*run_periods())

    @task.short_circuit
    def anything_to_label(chosen: dict) -> bool:
        return bool(chosen["rows"])

    ask = LabelForm(task_id="ask", spec=spec, rows_of="select_rows")

    @step(spec, "labelling.keep_labels")
    def keep_labels(call: Call, chosen: dict) -> dict[str, int] | str:
        answer = xcom("ask")
        if not answer or KEEP not in answer["chosen_options"]:  # None: marked as success without an answer
            return "nothing was stored: the rows are offered again"
        who = (answer["responded_by_user"] or {}).get("name", "")
        return call(chosen, answer["params_input"], who, datetime.fromisoformat(answer["responded_at"]))

    chosen = select_rows()
    anything_to_label(chosen) >> ask >> keep_labels(chosen)


dag_family(
    build,
    arc="ml",
    component="data",
    where=lambda spec: spec.labelling,
    schedule=on_period(assets.health),
    params=period_form,
)
