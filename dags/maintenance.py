"""# Maintenance

Keeps the files of the lake few and fast to read. `delete_files` deletes the files of every table that neither its newest
version nor a snapshot needs, a day after they were needed last. `merge_files` then makes one file of the many that the
periods of a month were published in, and of the many that records were appended in; the newest month is merged once it
has more than 31 files. No row changes: a snapshot finds its rows in the merged files. `record_costs` takes what the
tasks of the day took into the table `task_costs`, and measures the storage of the use case into `storage`.

**Runs** every night at 2:00 UTC, and by hand in Airflow. A period that is published again after its month was merged
rewrites the file of the month.

**When it fails**

| task | cause | do |
|---|---|---|
| `delete_files` | MLflow does not answer, so nobody knows what models were trained on; nothing was deleted | `make status`, then clear the task |
| `merge_files` | a file is damaged; the tables before it are merged | repair it as the runbook of `scrub` says, then clear the task |
| `record_costs` | the lake could not be written | clear it: what was not taken is taken then |
| `merge_files` | others kept writing to a table | nothing: it is tried again, and every night |
"""

from airflow.sdk import chain

from include.orchestration.dags import dag_family
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "maintenance.delete_files")
    def delete_files(call: Call) -> dict[str, int]:
        return call()

    @step(spec, "maintenance.merge_files", trigger_rule="all_done")
    def merge_files(call: Call) -> dict[str, int]:
        return call()

    @step(spec, "maintenance.record_costs")
    def record_costs(call: Call) -> dict[str, int]:
        return call()

    record_costs()
    chain(delete_files(), merge_files())


dag_family(build, arc="ops", component="data", schedule="0 2 * * *")
