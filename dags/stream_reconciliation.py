"""# Stream reconciliation

Compares the feature rows that the speed layer pushed from the event streams with the rows of the batch for the same
period: equal, differing (per feature, with the largest difference), only pushed, only in the batch. The batch is the
authority: its rows have already replaced the pushed ones.

**Runs** when features are published, for each of their periods, or by hand with a period or a range.

**When it fails**

| task | cause | do |
|---|---|---|
| `reconcile` with `ServiceError` | Redis did not answer | `make status`; the task retries by itself |
| `reconcile` with `NotFoundError` | the period is not published | run the data pipeline for it |
| `reconcile`, skipped | the pushed rows are gone: they are kept for two months before the period reconciled last, and lost with Redis | nothing: the earlier result stays |

Every comparison is kept in the lake table `reconciliation`; the page and the metric show the newest of each period.

Differences do not fail the task; they are on the Moebius page, in the log and in the metric
`moebius_stream_reconciled_rows`. *Only pushed* or *differing*: an event was wrong, or the source was corrected later.
*Only in the batch*: events never arrived, arrived too late, or are dead letters (see the DAG `dead_letters`).
"""

from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration import assets
from include.orchestration.dags import dag_family, on_period, period_form, run_periods
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "stream_reconciliation.reconcile_all", inlets=[assets.features(spec.name)])
    def reconcile(call: Call) -> list[list[dict]]:
        if any(results := call(*run_periods())):
            return results
        raise AirflowSkipException("the pushed rows are gone; the earlier result stays")

    reconcile()


dag_family(
    build,
    arc="dev",
    component="data",
    where=lambda spec: spec.streams,
    schedule=on_period(assets.features),
    params=period_form,
)
