"""# Scrub

Reads back every stored file and proves that it has the bytes that it was written with: lake tables (the newest version
and all that snapshots pin), training data, releases, model artifacts in MLflow, exports, edge bundles. It reads what the
disk holds, not what memory still has of it. So damage is found before somebody needs the file.

The task `forget_answers` deletes the answers that are older than `retention.predictions`, counted back from the
newest published period: in the lake tables `predictions` and `batch_predictions`, in the spool of the model server, and
what could not be read of it. Monitoring does the same after each shipment. The task also deletes the answers on the
stream of results that are as old by the clock.

**Runs** every night at 3:00 UTC, and by hand in Airflow. Results are in the lake table `scrubs`, in the metric
`moebius_damaged_files` and in the alert `MoebiusFilesDamaged`, which ends with the first scrub that finds all whole.

**When it fails**

| message | do |
|---|---|
| a file of the lake is damaged or gone | run `data_pipeline` for the period that is named: it publishes the same rows in a new file, and snapshots name that one. Or restore another snapshot (`data_versions`), or put the file back from a backup |
| a table of records is damaged (`predictions`, `figures`, …) | put the file back from a backup; other periods can be read |
| training data | `data_versions`, operation `rebuild`, with the model version |
| a release | delete its directory, run `deployment` of its version; if it serves, run `rollback` first |
| a model's artifact | put MLflow's file back from a backup, or train again: the same training gives the same model |
| an export, an edge bundle | export again; make the bundle again |
| ServiceError | MLflow does not answer; all the rest was proved. `make status`, then clear the task |
| `forget_answers`: another task ships | nothing: it is tried again |
| `forget_answers`: Redis did not answer | `make status`; the other answers are deleted, and the task is tried again |
"""

from include.orchestration.dags import dag_family
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "scrub.scrub")
    def scrub(call: Call) -> dict[str, int]:
        return call()

    @step(spec, "scrub.forget_answers")
    def forget_answers(call: Call) -> dict[str, int]:
        return call()

    scrub()
    forget_answers()


dag_family(build, arc="ops", component="data", schedule="0 3 * * *")
