"""# Data pipeline

Brings periods (hours, days, weeks or months) from the source to the feature store. It collects the rows, checks them
with the raw gate, builds features, checks them with the features gate, publishes the snapshot (which is the offline
store) and loads the online store. Then it announces the periods, which starts the DAGs that use them. It also checks
whether late rows arrived for earlier periods, and runs published ones that changed again.

**Runs** by the schedule of the use case for the newest period that is over, and for every earlier one that is not
published: an outage is caught up in one run. By hand or as a backfill with a period or a range as *partition key*
(`2013-04`, `2013-04-01..2013-04-30`) or as `period` in the form. Of several periods `catch_up` publishes all but the
newest, in order; the other tasks are about the newest.

**When it fails**

| task | cause | do |
|---|---|---|
| `catch_up` | a period cannot be published; the message says which and why, as below | repair it and clear the task: it continues at this period |
| `collect` | the source does not have the period, is unreadable or breaks its contract; the message names source and column | deliver a good file to `var/landing/<use case>/<period>/<table>.csv` and run the period again |
| `collect`, retried | a database, API or object store did not answer | nothing; if it stays down, clear the task later |
| `look_back` | a source did not answer the check for late rows; the period itself is not affected | clear the task |
| `gate_raw`, `gate_features` | the data failed blocking expectations; it is in quarantine, and no later task read it | read the failing expectations in the log or in the table `gate_results`. Repair the data and run again, or release or drop the failing rows with the `quarantine` form |
| `publish` | another writer committed first | nothing: it retries, and the previous snapshot stays readable |
| `materialize` | the online store could not be written (SQLite locked, Redis away) | start the store, then clear the task; repeating it is safe |

| `announce`, skipped | the periods have the snapshots that were announced before: nothing changed, so no other DAG starts | nothing; to start the other DAGs all the same, clear `announce` of the run that announced them, or run them by hand |

Repeating a period is always safe: the same data gives the same snapshot, and an unchanged snapshot starts no other DAG.
"""

from airflow.sdk import Param, chain, task
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration import assets
from include.orchestration.dags import (
    NO_RETRY,
    dag_family,
    due_at,
    emit_periods,
    form,
    periods_param,
    run_key,
    run_period,
    run_periods,
    scheduled,
    start_run,
    yes_or_no,
)
from include.orchestration.steps import Call, step
from include.orchestration.timetable import PeriodTimetable
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    features = assets.features(spec.name)

    @step(spec, "data_pipeline.catch_up")
    def catch_up(call: Call) -> list[str]:
        return call(run_periods(), run_key(), scheduled=scheduled())

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

    @step(spec, "data_pipeline.materialize")
    def materialize(call: Call) -> None:
        call(run_period(), run_key(), due_at())

    @step(spec, "data_pipeline.announce_all", outlets=[features])
    def announce(call: Call) -> None:
        if not (told := call(run_period(), run_key())):
            raise AirflowSkipException("nothing changed: the other DAGs know what is published, so none of them starts")
        emit_periods(features, told)

    @step(spec, "data_pipeline.look_back")
    def look_back(call: Call) -> list[dict]:
        return call(run_period(), run_key()) if form()["look_back"] else []

    @task(max_active_tis_per_dagrun=1)  # one after the other: a period is built on the ones before it
    def run_late_periods_again(trigger_run_id: str, fields: dict) -> None:
        start_run(f"{spec.name}.data_pipeline", trigger_run_id, fields)

    collected, late = collect(), look_back()
    chain(catch_up(), collected, gate_raw(), build_features(), gate_features(), publish(), materialize(), announce())
    chain(collected, late)
    run_late_periods_again.expand_kwargs(late)


def schedule(spec: UseCase) -> PeriodTimetable:
    return PeriodTimetable(spec.periods.schedule, spec.calendar, spec.periods.first, spec.periods.last)


LATE = "Ask the sources again for the time before that may still change; run those periods again."


def fields(spec: UseCase) -> dict[str, Param]:
    return {"period": periods_param(spec), "look_back": yes_or_no(True, "Look for late rows", LATE)}


dag_family(build, arc="dev", component="data", schedule=schedule, end_date=lambda spec: spec.last_run, params=fields)
