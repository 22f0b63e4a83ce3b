"""# Data versions

Shows the snapshots of the published periods and changes which ones are kept: *list*, *diff*, *restore*, *pin*, *unpin*,
*expire*, *rebuild*. Run it by hand with a form. The log of `operate` contains the result; the lake table
`version_operations` records who did what, when and why.

| operation | needs | does |
|---|---|---|
| `list` | nothing, or a period or range | shows every snapshot: time, rows, whether it is current, pins, models that use it, expiry |
| `diff` | `snapshot`, optionally `other` | shows rows added, removed and changed, schema and distributions, compared with `other` or the current snapshot |
| `restore` | `snapshot`, `reason` | makes it the current snapshot of its period, loads its features online and starts the DAGs that use the period; a restore of the current snapshot changes and starts nothing |
| `pin`, `unpin` | `snapshot`, `reason` | protects it from expiry, or ends the protection |
| `expire` | optionally `as_of` | deletes the files of snapshots that were replaced more than `retention.snapshots` ago |
| `rebuild` | `version` | writes the exact training data of a model version again if it is missing or damaged |

**When it fails**

| task | cause | do |
|---|---|---|
| `operate`: no snapshot, no model version | the name is wrong or expired; the message says when and why | run `list` and choose another name |
| `operate`: files were vacuumed | another program deleted files | publish the period again with the data pipeline |
| `operate` of `rebuild`: other content | code or spec changed after the training | rebuild at the revision in the tags of the model version |
| `operate`: MLflow | MLflow does not answer, so the users of snapshots are unknown and nothing expires | `make status`, then clear the task |
| `load_features`, skipped | no features changed: no restore, or a restore of the current snapshot; no other DAG starts | nothing |
| `load_features` | the online store could not be written | clear it; repeating it is safe |
"""

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from include.contracts.period import Period
from include.orchestration import assets
from include.orchestration.dags import (
    choice,
    dag_family,
    emit_periods,
    form,
    periods_param,
    reason_param,
    run_key,
    text_param,
    triggered_by,
    version_param,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase

OPERATIONS = ["list", "diff", "restore", "pin", "unpin", "expire", "rebuild"]


def fields(spec: UseCase) -> dict[str, Param]:
    return {
        "operation": choice("list", OPERATIONS, "Operation", "What to do."),
        "period": periods_param(spec),
        "snapshot": text_param(
            None, "Snapshot", f"Its name, like {spec.periods.first}-0123456789ab; `list` shows them."
        ),
        "other": text_param(None, "Other snapshot", "For diff: compare with this one; empty: the current one."),
        "version": version_param(),
        "as_of": Param(
            None, type=["null", "string"], format="date", title="As of", description="For expire: count up to this day."
        ),
        "reason": reason_param(needed=False),
    }


def build(spec: UseCase) -> None:
    features = assets.features(spec.name)

    @step(spec, "data_versions.asked")
    def operate(call: Call) -> dict:
        return call(form(), triggered_by())

    @step(spec, "data_versions.load_features", outlets=[features])
    def load_features(call: Call, done: dict) -> None:
        if not done.get("changed"):
            raise AirflowSkipException("no features changed, so no other DAG starts")
        if not call(Period(done["period"]), run_key()):
            raise AirflowSkipException("the other DAGs know this snapshot, so none of them starts")
        emit_periods(features, [Period(done["period"])])

    load_features(operate())


dag_family(build, arc="dev", component="data", params=fields)
