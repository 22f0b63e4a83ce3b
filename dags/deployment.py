"""# Deployment

Packages an approved model as a *release* (ONNX, parity proof, hashes), tests it on a private model of the real
server, gives it traffic step by step while Prometheus is watched, and promotes it. On any failure `roll_back`
returns all traffic to the champion.

**Runs** on an approval, or by hand with a model version that has one.

**When it fails**

| task | means | do |
|---|---|---|
| `package` | the ONNX model answers differently from the trained one, or the model has no approval | nothing was deployed; see the parity report |
| `pre_deployment_test` | the release does not load, answers differently, or is too slow | nothing got traffic |
| `judge_*` | an abort criterion was breached, or too little traffic came to judge | `roll_back` has put the champion back; read the figures in the log |

A killed run leaves what served before; clearing the failed task continues from there.
"""

from airflow.sdk import chain, task
from airflow.task.trigger_rule import TriggerRule

from include.orchestration import assets
from include.orchestration.dags import NO_RETRY, emit, moebius_dag, step, text_param, triggering_extra, usecases
from include.usecase import UseCase


def build(spec: UseCase) -> None:
    approved, serving = assets.approved(spec.name), assets.serving(spec.name)

    @step()
    def package(params: dict | None = None) -> dict:
        from include.loop.deployment import package_release
        from include.services import services

        version = triggering_extra(approved.name).get("version") or (params or {}).get("version")
        return package_release(spec, services(), version).json_dict()

    @step()
    def pre_deployment_test(release: dict) -> dict:
        from include.contracts import ReleaseRef
        from include.loop.deployment import test_release
        from include.services import services

        return test_release(spec, services(), ReleaseRef(**release))

    @task.branch
    def first_or_canary() -> str:
        from include.services import services

        state = services().rollout_state(spec)
        return "promote" if state is None or spec.rollout.strategy == "blue_green" else shifts[0].operator.task_id

    def shift(share: float):
        @step(task_id=f"shift_{share:.0%}".replace("%", ""))
        def shift_traffic(release: dict) -> int:
            from include.loop.deployment import shift_traffic
            from include.services import services

            return shift_traffic(spec, services(), release["name"], share)

        return shift_traffic

    def judge(share: float):
        @step(task_id=f"judge_{share:.0%}".replace("%", ""), **NO_RETRY)
        def judge_step(release: dict) -> dict:
            from include.loop.deployment import judge_rollout
            from include.services import services

            return judge_rollout(spec, services(), release["name"]).json_dict()

        return judge_step

    @step(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def promote(release: dict) -> None:
        from include.loop.deployment import promote_release
        from include.services import services

        promote_release(spec, services(), release["name"])

    @step(outlets=[serving])
    def announce(release: dict) -> None:
        emit(serving, release=release["name"])

    @step(trigger_rule=TriggerRule.ONE_FAILED)
    def roll_back() -> str:
        from include.loop.deployment import abort_rollout
        from include.services import services

        return abort_rollout(spec, services())

    release = package()
    tested = pre_deployment_test(release)
    shifts = [shift(share)(release) for share in spec.rollout.steps]
    judges = [judge(share)(release) for share in spec.rollout.steps]
    promoted, branch = promote(release), first_or_canary()
    chain(tested, branch, promoted)
    chain(branch, *[one for pair in zip(shifts, judges, strict=True) for one in pair], promoted)
    chain([*shifts, *judges, promoted], roll_back())
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
