"""# Monitoring

Ships the prediction log into the lake, joins the month's predictions with the truth that arrived, and writes
quality, drift, calibration and latency figures per release. Prometheus scrapes them; its rules decide what is
an alert.

**Runs** when a month's features are published (its truth came with it), or by hand with a month.

**When it fails**

| task | means | do |
|---|---|---|
| `ship_predictions` | the lake could not be written | clear it; nothing is lost or doubled, the spool is acknowledged after the commit |
| `measure` | the release's monitoring baseline is missing or changed | the release directory was tampered with: roll back to another release |
"""

from airflow.sdk import PartitionedAssetTimetable, chain

from include.orchestration import assets
from include.orchestration.dags import MONTH, emit_period, moebius_dag, run_period, text_param, usecases
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    health = assets.health(spec.name)

    @step(spec, "monitoring.ship_predictions", inlets=[assets.serving(spec.name)])
    def ship_predictions(call: Call) -> int:
        return call()

    @step(spec, "monitoring.monitor", outlets=[health])
    def measure(call: Call) -> dict[str, float]:
        figures = call(run_period())
        emit_period(health)
        return figures

    chain(ship_predictions(), measure())


for usecase in usecases():
    with moebius_dag(
        usecase,
        __file__,
        arc="ops",
        component="monitoring",
        doc=__doc__,
        schedule=PartitionedAssetTimetable(assets=assets.features(usecase.name)),
        params={
            "period": text_param(
                None, "Month", "The month of this run, like 2013-04; a partition key says the same.", MONTH
            )
        },
    ):
        build(usecase)
