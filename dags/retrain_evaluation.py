"""# Retrain evaluation

Makes the **four comparisons**: it evaluates the champion and the candidate on the test set from before the deployment
and on the newest one. Gates: acceptance criteria, gain on new data, no forgetting, no harm to a slice, to calibration or
to a group. The verdict, its reason and every figure are stored with the model version. With `trainer.ensemble` the
average of both models is a second contender; if it is chosen, it is registered and the verdict is on it.
`docs/reference/evaluation.md` has the rules.

**Runs** on a new candidate, or by hand with a model version.

**When it waits**: `approve` is a *required action* (see **Required Actions** in Airflow, or the tab of the task). Read
the verdict and approve or reject. A rejection is recorded, and the champion keeps serving.

**When it fails**

| task | cause | do |
|---|---|---|
| `compare` | a test set was used in training, the self-test of the gates failed, or the serving release is not the recorded one | read the message; nothing was changed. Never deploy around it |
"""

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import chain, task
from airflow.task.trigger_rule import TriggerRule

from include.contracts.evaluation import Verdict
from include.governance.approval import approver
from include.orchestration import assets
from include.orchestration.dags import NO_RETRY, dag_family, emit, form, on, triggering_extra, version_param, xcom
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase

ASKED = {"nobody": "keep_champion", "policy": "approve_by_policy", "person": "approve"}


def build(spec: UseCase) -> None:
    candidate, approved = assets.candidate(spec.name), assets.approved(spec.name)

    @step(spec, "retrain_evaluation.evaluate", **NO_RETRY)
    def compare(call: Call) -> dict:
        return call(triggering_extra(candidate.name).get("version") or form()["version"])

    @step(spec, "retrain_evaluation.report", multiple_outputs=False)
    def explain(call: Call, verdict: dict) -> str:
        return call(Verdict(**verdict))

    @task.branch
    def route(verdict: dict) -> str:
        return ASKED[approver(spec, Verdict(**verdict))]

    approve = ApprovalOperator(
        task_id="approve",
        subject=f"{spec.title}: may the candidate replace the serving model?",
        body="{{ ti.xcom_pull(task_ids='explain') }}",
    )

    @task
    def approve_by_policy() -> str:
        return "approved by the policy in the use case's spec"

    @task
    def keep_champion(verdict: dict) -> str:
        return f"the champion keeps serving: {verdict['reason']}"

    @step(
        spec,
        "retrain_evaluation.record_approval",
        outlets=[approved],
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
    )
    def hand_over(call: Call) -> None:
        verdict = Verdict(**xcom("compare"))
        emit(approved, version=verdict.candidate, verdict=call(verdict, xcom("approve")))

    verdict = compare()
    by_policy = approve_by_policy()
    chain(explain(verdict), route(verdict), [approve, by_policy, keep_champion(verdict)])
    chain([approve, by_policy], hand_over())


FORM = {"version": version_param()}

dag_family(build, arc="ml", component="evaluation", schedule=on(assets.candidate), params=FORM)
