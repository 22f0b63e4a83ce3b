"""# Catalog

Writes the catalog and one data sheet per table from the platform's own records: tables, columns, features, owners,
meanings, privacy classes, versions, gate results, and the lineage from the source to the predictions. Open it under
**Moebius → Catalog**; the files are below `var/catalog/<use case>/`.

**Runs** when the features of a period are published, or by hand to include later changes.

**When it fails**

| task | cause | do |
|---|---|---|
| `write_catalog` | the lake or the feature registry could not be read | `make status`, then clear the task; the previous catalog stays readable |
| `check_meanings` | a table, column or feature has no meaning, owner or privacy class; the log lists them | describe it: `tables:` and `privacy:` in `usecase.yaml`, the view in `feature_repo/`, or the record in `include/contracts/` |

If MLflow does not answer, no task fails: the catalog says that its models are missing. Other DAGs may write at the same
time: a table that is not there yet is in the next catalog, and a table that is replaced meanwhile is read again.
"""

from airflow.sdk import chain

from include.orchestration import assets
from include.orchestration.dags import NO_RETRY, dag_family, on_period, period_form
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "catalog.write")
    def write_catalog(call: Call) -> dict[str, int]:
        return call().counts

    @step(spec, "catalog.require_meanings", **NO_RETRY)
    def check_meanings(call: Call) -> None:
        call()

    chain(write_catalog(), check_meanings())


dag_family(build, arc="dev", component="data", schedule=on_period(assets.features), params=period_form)
