"""# Data pipeline

Brings one month from the source to the feature store: collect, gate the raw data, process and build
features, gate the features, publish the snapshot (which is the offline store), online store. Beside that it
looks back for rows that came late for the months before, and runs published months that changed again.

**Runs** on the 1st of the following month by the use case's schedule; by hand or as a backfill with
the month as *partition key* (`2013-04`) or as `period` in the form.

**When it fails**

| task | means | do |
|---|---|---|
| `collect` | the source has no such month, is unreadable or breaks its contract (the message names source and column) | deliver a good file to `var/landing/<use case>/<month>/<table>.csv`, run the month again |
| `collect`, retried | a database, API or object store did not answer | nothing; if it stays down, clear the task later |
| `look_back` | a source could not be asked again for late rows; the month itself is not touched | clear the task |
| `gate_raw`, `gate_features` | the data broke blocking expectations; it lies in quarantine, nothing downstream saw it | read the failing expectations in the log or in table `gate_results`; repair and run again, or release or drop the failing rows with the `quarantine` form |
| `publish` | a concurrent writer won | it retries by itself; the previous snapshot stays readable |
| `materialize` | the online store could not be written (SQLite locked, Redis away) | bring it back, clear the task; it is safe to repeat |

Repeating a month is always safe: the same data gives the same snapshot.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronPartitionTimetable, Param, chain

from include.orchestration import assets
from include.orchestration.dags import (
    MONTH,
    NO_RETRY,
    emit_period,
    form,
    moebius_dag,
    run_key,
    run_period,
    text_param,
    usecases,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    features = assets.features(spec.name)

    @step(spec, "data_pipeline.collect")
    def collect(call: Call) -> dict[str, int]:
        return call(run_period(), run_key())

    @step(spec, "data_pipeline.gate", **NO_RETRY)
    def gate_raw(call: Call) -> dict:
        return call(run_period(), run_key(), "raw").summary

    @step(spec, "data_pipeline.build_features")
    def build_features(call: Call) -> dict[str, int]:
        return call(run_period(), run_key())

    @step(spec, "data_pipeline.gate", **NO_RETRY)
    def gate_features(call: Call) -> dict:
        return call(run_period(), run_key(), "features").summary

    @step(spec, "data_pipeline.publish")
    def publish(call: Call) -> dict:
        return call(run_period(), run_key())

    @step(spec, "data_pipeline.materialize", outlets=[features])
    def materialize(call: Call) -> None:
        call(run_period(), run_key())
        emit_period(features)

    @step(spec, "data_pipeline.look_back")
    def look_back(call: Call) -> list[dict]:
        return call(run_period(), run_key()) if form()["look_back"] else []

    collected, late = collect(), look_back()
    chain(collected, gate_raw(), build_features(), gate_features(), publish(), materialize())
    chain(collected, late)
    TriggerDagRunOperator.partial(
        task_id="run_late_months_again",
        trigger_dag_id=f"{spec.name}.data_pipeline",
        logical_date=None,  # today is after the DAG's end_date: such a run ends without a task
        skip_when_already_exists=True,
        max_active_tis_per_dagrun=1,  # one after the other: a month is built on the ones before it
    ).expand_kwargs(late)


for usecase in usecases():
    with moebius_dag(
        usecase,
        __file__,
        arc="dev",
        component="data",
        doc=__doc__,
        schedule=CronPartitionTimetable(usecase.periods.schedule, timezone="UTC", run_offset=-1, key_format="%Y-%m"),
        end_date=usecase.last_run,
        params={
            "period": text_param(
                None, "Month", "The month of this run, like 2013-04; a partition key says the same.", MONTH
            ),
            "look_back": Param(
                True,
                type="boolean",
                title="Look for late rows",
                description="Ask the sources again for the last days of the month before; run it again if they changed.",
            ),
        },
    ):
        build(usecase)
