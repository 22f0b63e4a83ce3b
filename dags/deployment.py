"""# Deployment

Packages an approved model as a *release* (ONNX, parity proof, hashes), tests it on a private model of the real
server, and rolls it out as `rollout.strategy` in `usecase.yaml` says, while Prometheus is watched: `canary` (in
steps), `blue_green` (all at once), `ab_test` (arms compared on labels), `shadow` (copies that never answer). With all
of the traffic it is watched once more before it is promoted. Whatever fails, all traffic goes back to the champion.
`docs/guides/rollouts.md` has the rules.

**Runs** on an approval, or by hand with a model version that has one. One rollout at a time.

**To end it by hand**: `rollback` with the operation `abort`; the judging task notices within a second.

**When it fails**

| task | means | do |
|---|---|---|
| `package` | the ONNX model answers differently from the trained one, or the model has no approval | nothing was deployed; see the parity report |
| `pre_deployment_test` | the release does not load, or failed a check: answers, time, memory, bad requests, interface, user acceptance | nothing got traffic; the error names each, `docs/guides/releases.md` explains them |
| `shift_*`, `start_*` | another rollout is under way, or the server cannot load the release | the message names the way out |
| `judge_*`, `watch_ab_test` | an abort criterion was breached, too little traffic came, or somebody aborted | the champion has everything back; read the figures in the log |

A killed run leaves what served before; a killed task is repeated, and goes on where the rollout stands. Clear the
failed task to go on after that; a rollout that was aborted is over: start a new one.
"""

from airflow.sdk import chain, task

from include.contracts.deployment import ReleaseRef
from include.orchestration import assets
from include.orchestration.dags import emit, form, moebius_dag, text_param, triggering_extra, usecases
from include.orchestration.rollout import RolloutTasks
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    approved, serving = assets.approved(spec.name), assets.serving(spec.name)

    @step(spec, "deployment.package_release")
    def package(call: Call) -> dict:
        return call(triggering_extra(approved.name).get("version") or form()["version"])

    @step(spec, "deployment.test_release")
    def pre_deployment_test(call: Call, release: dict) -> dict:
        return call(ReleaseRef(**release))

    @step(spec, "rollout.begins_with", task.branch)
    def roll_out(call: Call) -> str:
        return call()

    @task(outlets=[serving])
    def announce(release: dict) -> None:
        emit(serving, release=release["name"])

    release = package()
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
    chain([*way, promoted], tasks.roll_back())
    chain(promoted, announce(release))  # a leaf that cannot succeed when the deployment did not, so the run is red


for usecase in usecases():
    with moebius_dag(
        usecase,
        __file__,
        arc="ops",
        component="model-deployment",
        doc=__doc__,
        schedule=[assets.approved(usecase.name)],
        params={"version": text_param(None, "Model version", "Approved version to deploy, like 2.", r"^[1-9]\d*$")},
    ):
        build(usecase)
