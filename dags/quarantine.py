"""# Quarantine

Rows that a quality gate refused wait in the lake table `quarantine`, with their reasons. This form decides about
them and runs the period, or each period of a range, again.

- **drop**: the period is published without those rows. The volume limits apply to the rows that remain.
- **release**: those rows, and only those, pass the gate that held them. Any other bad row is still refused. A row
  released at the raw gate must still pass the features gate.

**Runs** by hand only. The period and *Gate* are in the message of the refused run; *Table* is a table or `all`. Each row
keeps who decided and why.

**When it fails**

| task | cause | do |
|---|---|---|
| `decide` | no such rows are held; the message lists the rows that are | correct period, gate or table |
| `run_again` | the data pipeline could not be triggered | clear it: the decision is recorded already, and a period may run again at any time |

The pipeline run that it starts may be refused again: other rows are bad, or too few remain. Its log says which.
"""

from typing import Any

from airflow.sdk import Param, task

from include.contracts.period import Period
from include.orchestration.dags import (
    choice,
    dag_family,
    form,
    periods_param,
    reason_param,
    start_run,
    table_param,
    triggered_by,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "quarantine.decide")
    def decide(call: Call) -> dict[str, int]:
        asked, by = form(), triggered_by()
        return call(
            Period.ranged(asked["period"]), asked["gate"], asked["table"] or "all", asked["action"], by, asked["reason"]
        )

    @task
    def run_again(run_id: Any = None) -> None:
        start_run(f"{spec.name}.data_pipeline", run_id, {"period": form()["period"]})

    decide() >> run_again()


ACTION = "drop: publish without these rows; release: accept exactly these rows as they are."


def fields(spec: UseCase) -> dict[str, Param]:
    return {
        "period": periods_param(spec, needed=True),
        "gate": choice("raw", ["raw", "features"], "Gate", "The gate that holds the rows."),
        "table": table_param("all"),
        "action": choice("drop", ["drop", "release"], "Action", ACTION),
        "reason": reason_param(),
    }


dag_family(build, arc="dev", component="data", params=fields)
