"""# Monitoring

Ships the prediction log into the lake, joins the predictions of each window (`monitoring.window` up to a period) with
the labels that are due and have arrived, and writes figures of quality, drift, calibration and latency per release.
Earlier windows are measured again when the new periods bring labels of their answers. Prometheus scrapes them; its
rules decide what is an alert.

**Runs** when the features of a period, or of a range, are published (the labels arrive with them), or by hand.

**When it fails**

| task | cause | do |
|---|---|---|
| `ship_predictions` | the run names no period, or one that is not published: nothing was shipped | publish the period first, or run it for another |
| `ship_predictions` | the lake could not be written | clear it; nothing is lost or doubled, because the spool is acknowledged after the commit |
| `ask_for_retrain`, skipped | no retrain is due by `retrain.every`; use cases without that key have no such task. Where one is due it starts `retrain_trigger` | nothing |
| `measure` | the monitoring baseline of the release is missing or was changed | somebody changed the release directory: roll back to another release |
"""

from typing import Any

from airflow.sdk import chain
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration import assets
from include.orchestration.dags import dag_family, emit_periods, on_period, period_form, run_key, run_periods, start_run
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    health = assets.health(spec.name)

    @step(spec, "monitoring.ship_predictions", inlets=[assets.serving(spec.name)])
    def ship_predictions(call: Call) -> int:
        return call(*run_periods())

    @step(spec, "monitoring.monitor", outlets=[health])
    def measure(call: Call) -> dict[str, float]:
        figures = call(*run_periods())
        emit_periods(health)
        return figures

    measured = measure()
    chain(ship_predictions(), measured)
    if spec.retrain.every:
        chain(measured, _ask_for_retrain(spec))


def _ask_for_retrain(spec: UseCase) -> Any:
    # no asset: an event of a run for periods carries their key, and such an event starts DAGs of periods only
    @step(spec, "retrain_trigger.due")
    def ask_for_retrain(call: Call) -> None:
        if not (why := call()):
            raise AirflowSkipException("no retrain is due by retrain.every")
        print(why, flush=True)
        start_run(f"{spec.name}.retrain_trigger", f"due__{run_key()}", {})

    return ask_for_retrain()


dag_family(build, arc="ops", component="monitoring", schedule=on_period(assets.features), params=period_form)
