"""# Data pipeline

Brings one month from the source to the feature store: collect, gate the raw data, process and build
features, gate the features, publish the snapshot, offline store, online store.

**Runs** on the 1st of the following month by the use case's schedule; by hand or as a backfill with
the month as *partition key* (`2013-04`) or as `period` in the form.

**When it fails**

| task | means | do |
|---|---|---|
| `collect` | the source has no such month, or a file is corrupt or has other columns | deliver a good file to `var/landing/<use case>/<month>/<table>.csv`, run the month again |
| `gate_raw`, `gate_features` | the data broke blocking expectations; it lies in quarantine, nothing downstream saw it | read the failing expectations in the log or in table `gate_results`, repair, run again |
| `publish` | a concurrent writer won | it retries by itself; the previous snapshot stays readable |
| `materialize` | the online store could not be written | clear the task; it is safe to repeat |

Repeating a month is always safe: the same data gives the same snapshot.
"""

from airflow.sdk import CronPartitionTimetable, chain

from include.orchestration import assets
from include.orchestration.dags import (
    MONTH,
    NO_RETRY,
    emit_period,
    moebius_dag,
    run_key,
    run_period,
    step,
    text_param,
    usecases,
)
from include.usecase import UseCase


def build(spec: UseCase) -> None:
    features = assets.features(spec.name)

    @step(**NO_RETRY)
    def collect() -> dict[str, int]:
        from include.loop import data_pipeline
        from include.services import services

        return data_pipeline.collect(spec, services(), run_period(), run_key())

    @step(**NO_RETRY)
    def gate_raw() -> dict:
        from include.loop import data_pipeline
        from include.services import services

        return data_pipeline.gate(spec, services(), run_period(), run_key(), "raw").json_dict()

    @step()
    def build_features() -> dict[str, int]:
        from include.loop import data_pipeline
        from include.services import services

        return data_pipeline.build_features(spec, services(), run_period(), run_key())

    @step(**NO_RETRY)
    def gate_features() -> dict:
        from include.loop import data_pipeline
        from include.services import services

        return data_pipeline.gate(spec, services(), run_period(), run_key(), "features").json_dict()

    @step()
    def publish() -> dict:
        from include.loop import data_pipeline
        from include.services import services

        return data_pipeline.publish(spec, services(), run_period(), run_key()).json_dict()

    @step()
    def offline_store() -> None:
        from include.loop import data_pipeline
        from include.services import services

        data_pipeline.store_offline(spec, services(), run_period())

    @step(outlets=[features])
    def materialize() -> None:
        from include.loop import data_pipeline
        from include.services import services

        data_pipeline.materialize(spec, services(), run_period(), run_key())
        emit_period(features)

    chain(collect(), gate_raw(), build_features(), gate_features(), publish(), offline_store(), materialize())


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
            )
        },
    ):
        build(usecase)
