"""# Retrain trigger

Finds out *why* the model decayed before it starts a training. It collects alerts and figures, finds the cause
(covariate shift, label shift, concept change, data fault, staleness), decides, and records the decision with its
reason. Only the release that serves is judged. Drift alone asks people to look; a confirmed loss of performance asks for
a retrain; faulty data is repaired first. docs/guides/retraining.md has the rules.

**Runs** when Prometheus alerts fire (asset watcher); when `monitoring` starts it, because a retrain is due by
`retrain.every`; or by hand: `force` starts a retrain without an alert: it needs a reason, the record says who forced it, and who did cannot approve
what comes of it.

**When it fails**: `decide` needs Prometheus and the lake. `make status` shows which one is down. Start it, then clear
the task.
"""

from airflow.sdk import chain, task

from include.orchestration import assets
from include.orchestration.dags import (
    dag_family,
    emit,
    form,
    on,
    reason_param,
    run_key,
    triggered_by,
    triggering_extra,
    yes_or_no,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    alerts, plan = assets.alerts(spec.name), assets.retrain_plan(spec.name)

    @step(spec, "retrain_trigger.decide_retrain", inlets=[assets.health(spec.name)])
    def decide(call: Call) -> dict:
        event = triggering_extra(alerts.name)
        raised = event.get("payload", event).get("alerts", [])
        return call(raised, triggered_by() if form()["force"] else None, run_key(), form()["reason"] or "")

    @task.branch
    def route(decision: dict) -> str:
        return "start_training" if decision["decision"] == "retrain" else "keep_champion"

    @task(outlets=[plan])
    def start_training(decision: dict) -> str:
        from include.contracts.operations import RetrainPlan

        emit(plan, **RetrainPlan(**decision).request.model_dump(mode="json", exclude_defaults=True))
        return decision["action"]

    @task
    def keep_champion(decision: dict) -> str:
        return decision["action"]

    decision = decide()
    chain(route(decision), [start_training(decision), keep_champion(decision)])


FORM = {
    "force": yes_or_no(False, "Retrain without an alert", "The record will say who forced it."),
    "reason": reason_param(needed=False),
}

dag_family(build, arc="ops", component="retraining", schedule=on(assets.alerts), params=FORM)
