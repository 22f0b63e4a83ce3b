"""# Deployment

Fits an approved model once more with its test sets, packages this *refit* as a *release*, tests it under a private name
on the real server, and moves traffic to it. What was judged is the *proof*; `training.refit: never` releases the proof
itself. A release is an ONNX graph with a parity check and hashes. `rollout.strategy` in `usecase.yaml` selects how:
`canary` (in steps), `blue_green` (all at once), `ab_test` (both arms are compared on labels), `shadow` (copies that
never answer). Prometheus is watched during the rollout, and once more with all traffic before the promotion. If anything
fails, all traffic returns to the champion. `docs/guides/rollouts.md` has the rules.

**Runs** on an approval, unless `control` paused the use case, or by hand with an approved version and a reason. A use case has one rollout at a time.

**To stop it by hand**: trigger `rollback` with the operation `abort`; the judging task notices it within a second,
`watch_ab_test` at its next look (every `ab_test.look_seconds`, 60 s by default).

**When it fails**

| task | cause | do |
|---|---|---|
| `refit` | the refit's answers on the newest rows differ from the proof's by more than `training.agreement`, or its rows are gone | nothing was deployed; the champion stays. Read the figures: with few rows raise `training.agreement`, else train again |
| `package` | the ONNX model answers differently from the trained model, or the record of approvals does not have the version as approved | nothing was deployed; read the parity report |
| `pre_deployment_test` | the release does not load, or failed a test: answers, time, memory, bad requests, interface, user acceptance | it got no traffic; the error names each failure, `docs/guides/releases.md` explains them |
| `shift_*`, `start_*`, `promote` | another rollout is in progress, a model server does not follow (it cannot load the release, hangs, or is away), or the model is not approved (any more) | the champion has all traffic; do what the message says |
| `judge_*` | an abort limit was exceeded, there was too little traffic, or somebody aborted | the champion has all traffic again; read the figures in the log |
| `watch_ab_test` | an abort limit was exceeded, or somebody aborted. Too little traffic is no failure: `undecided` decides after `max_hours` | the same |

**A verdict on another champion** moves nothing: when another release serves than the one that the verdict names,
`refit` and `package` are skipped (a shift or the promotion fails), the verdict is withdrawn, and `evaluate_again` starts
`retrain_evaluation` for the version. Both say why.

A killed run leaves the previous release serving. Airflow repeats a killed task, and the task continues the rollout. If
that fails, clear the task to continue. A rollout that was aborted is over: start a new one.
"""

from typing import Any

from airflow.sdk import chain, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.task.trigger_rule import TriggerRule

from include.errors import PausedError, StaleVerdictError
from include.orchestration import assets
from include.orchestration.dags import (
    dag_family,
    emit,
    form,
    on,
    reason_param,
    start_run,
    triggering_extra,
    triggering_login,
    version_param,
)
from include.orchestration.rollout import FIRST_TASK, RolloutTasks
from include.orchestration.steps import Call, bound, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    approved, serving = assets.approved(spec.name), assets.serving(spec.name)

    def wanted() -> int | None:
        return triggering_extra(approved.name).get("version") or form()["version"]

    def unless_held(call: Call, *given: Any) -> Any:
        try:
            return call(*given)
        except (StaleVerdictError, PausedError) as held:
            raise AirflowSkipException(str(held)) from held

    @step(spec, "refit.refit")
    def refit(call: Call) -> int:
        unless_held(bound(spec, "deployment.begin"), wanted(), bool(triggering_login()))
        return unless_held(call, wanted())

    @step(spec, "deployment.package_release")
    def package(call: Call, version: int) -> dict:
        return unless_held(call, version)

    @step(spec, "approval.overtaken", trigger_rule=TriggerRule.ALL_DONE)
    def evaluate_again(call: Call) -> None:
        if (overtaken := call(version=wanted())) is None:
            raise AirflowSkipException("the verdict is on the champion that serves")
        print(f"version {overtaken['version']} is judged again: {overtaken['reason']}", flush=True)
        start_run(f"{spec.name}.retrain_evaluation", overtaken["run_id"], {"version": overtaken["version"]})

    @step(spec, "deployment.verify_release")
    def pre_deployment_test(call: Call, release: dict) -> dict:
        from include.contracts.deployment import ReleaseRef

        return call(ReleaseRef(**release))

    @step(spec, "rollout.opening", task.branch)
    def roll_out(call: Call) -> str:
        return FIRST_TASK[call()]

    @task(outlets=[serving])
    def announce(release: dict) -> None:
        emit(serving, release=release["name"])

    release = package(refit())
    tasks = RolloutTasks(spec, release)
    branch, promoted = roll_out(), tasks.promote()
    looked, kept = tasks.look_before_traffic()
    steps = tasks.shifts_and_judges(opens=not looked)
    way = [*looked, *steps]
    chain(pre_deployment_test(release), branch, promoted)
    chain(branch, *way)
    if steps:
        chain(way[-1], promoted)
    if steps and kept:
        chain(looked[-1], promoted)  # a direct follower of the decision, so that *keep* skips it
    chain([*way, promoted], rolled_back := tasks.roll_back())
    chain([release, rolled_back], evaluate_again())
    chain(promoted, announce(release))  # a leaf that cannot succeed when the deployment did not, so the run is red


FORM = {"version": version_param(), "reason": reason_param(needed=False)}

dag_family(build, arc="ops", component="model-deployment", schedule=on(assets.approved), params=FORM)
