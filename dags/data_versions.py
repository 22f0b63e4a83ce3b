"""# Data versions

Looks at the snapshots of the published months and changes what is kept: *list*, *diff*, *restore*, *pin*, *unpin*,
*expire*, *rebuild*. Started by hand with a form; the log of `operate` has the answer, the lake's table
`version_operations` who did what, when and why.

| operation | needs | does |
|---|---|---|
| `list` | nothing, or a month | every snapshot: when, rows, current, pinned, used by which models, may expire from |
| `diff` | `snapshot`, perhaps `other` | rows added, removed, changed; schema; distributions; against `other` or the current one |
| `restore` | `snapshot`, `reason` | makes it the current one of its month, and loads its features online again |
| `pin`, `unpin` | `snapshot`, `reason` | keeps it from expiring, or no longer |
| `expire` | perhaps `as_of` | ends what was superseded longer ago than `retention.snapshots_days`; deletes its files |
| `rebuild` | `version` | writes the exact training data of a model version again, if they are gone or damaged |

**When it fails**

| task | means | do |
|---|---|---|
| `operate`: no snapshot, no model version | the name is wrong, or it expired: the message says when and why | run `list`, name another |
| `operate`: files were vacuumed | something deleted files outside this DAG | publish the month again with the data pipeline |
| `operate` of `rebuild`: other content | code or spec changed since the training | rebuild at the revision that the model version is tagged with |
| `operate`: MLflow | who uses which snapshot is not known then, so nothing expires | `make status`, clear the task |
| `load_features` | the online store could not be written | clear it; it is safe to repeat |
"""

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration import assets
from include.orchestration.dags import (
    MONTH,
    emit_period,
    form,
    moebius_dag,
    run_key,
    text_param,
    triggered_by,
    usecases,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase

OPERATIONS = ["list", "diff", "restore", "pin", "unpin", "expire", "rebuild"]
FORM = {
    "operation": Param("list", type="string", enum=OPERATIONS, title="Operation", description="What to do."),
    "period": text_param(None, "Month", "Only snapshots of this month, like 2013-04.", MONTH),
    "snapshot": text_param(None, "Snapshot", "Its name, like 2013-04-0123456789ab; `list` shows them."),
    "other": text_param(None, "Other snapshot", "For diff: compare with this one; empty: the current one."),
    "version": Param(None, type=["null", "integer"], title="Model version", description="For rebuild.", minimum=1),
    "as_of": Param(
        None, type=["null", "string"], format="date", title="As of", description="For expire: count up to this day."
    ),
    "reason": Param("", type="string", title="Reason", description="Why; kept with the pin and in the record."),
}


def build(spec: UseCase) -> None:
    features = assets.features(spec.name)

    @step(spec, "data_versions.asked")
    def operate(call: Call) -> dict:
        return call(form(), triggered_by())

    @step(spec, "data_versions.load_features", outlets=[features])
    def load_features(call: Call, done: dict) -> None:
        if done["operation"] != "restore":
            raise AirflowSkipException("only a restore changes features")
        call(done["period"], run_key())
        emit_period(features, done["period"])

    load_features(operate())


for usecase in usecases():
    with moebius_dag(usecase, __file__, arc="dev", component="data", doc=__doc__, params=FORM):
        build(usecase)
