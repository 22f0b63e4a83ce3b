"""# Labelling

Asks people for the labels that would teach most. Of a month's rows without a label, those of which the champion is
least sure (`labelling.strategy` in `usecase.yaml`: entropy, margin, or how far releases disagree) are offered, no two
alike. The answers become labels of the next dataset, from the moment they were given.

**Runs** when a month was monitored, or by hand with a month. Before the first release nobody is asked.

**When it waits**: `ask` is a *required action* (the bell in the navigation, or the task's tab). Each row has a picture
or a table, what the model says, and a field: its label, `(later)`, or `(cannot tell)`. *Not now* keeps nothing, and so
does a form that nobody answers for 14 days; its rows are offered again.

**When it fails**

| task | means | do |
|---|---|---|
| `select_rows` | the month is not published | publish the month, run again |
| `ask` | an answer is no label (the message names the fields); nothing was kept | the form comes again twice by itself, then when you clear it |
| `keep_labels` | the lake could not be written | clear it; nothing is kept twice |
"""

from datetime import datetime

from airflow.sdk import PartitionedAssetTimetable, task

from include.orchestration import assets
from include.orchestration.dags import MONTH, moebius_dag, run_period, text_param, usecases, xcom
from include.orchestration.label_form import KEEP, LabelForm
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "labelling.select_rows")
    def select_rows(call: Call) -> dict:
        return call(run_period())

    @task.short_circuit
    def anything_to_label(chosen: dict) -> bool:
        return bool(chosen["rows"])

    ask = LabelForm(task_id="ask", spec=spec, rows_of="select_rows")

    @step(spec, "labelling.keep_labels")
    def keep_labels(call: Call, chosen: dict) -> dict[str, int] | str:
        answer = xcom("ask")
        if KEEP not in answer["chosen_options"]:
            return "nothing was kept: the rows are offered again"
        who = (answer["responded_by_user"] or {}).get("name", "")
        return call(chosen, answer["params_input"], who, datetime.fromisoformat(answer["responded_at"]))

    chosen = select_rows()
    anything_to_label(chosen) >> ask >> keep_labels(chosen)


for usecase in usecases(lambda spec: spec.labelling):
    with moebius_dag(
        usecase,
        __file__,
        arc="ml",
        component="data",
        doc=__doc__,
        schedule=PartitionedAssetTimetable(assets=assets.health(usecase.name)),
        params={"period": text_param(None, "Month", "Whose unlabelled rows to offer, like 2013-04.", MONTH)},
    ):
        build(usecase)
