"""# Retrain evaluation

Makes the **four comparisons**: it evaluates the champion and the candidate on the test set from before the deployment
and on the newest one. Gates: acceptance criteria, gain on new data, no forgetting, no harm to a slice, to calibration or
to a group. The verdict, its reason and every figure are stored with the model version. With `trainer.ensemble` the
average of both models is a second contender; if it is chosen, it is registered and the verdict is on it.
`docs/reference/evaluation.md` has the rules.

**Runs** on a new candidate, or by hand with a model version.

**When it waits**: `approve` is a *required action* (see *Browse → Required Actions*, or the tab of the task); a spec
with more approvals has `approve_2` and so on. Read the verdict, approve or reject, and say why. Whoever started the
training, or this evaluation by hand, cannot answer; an answer that does not count is asked for again. Answers are
signed into the record of approvals, which alone decides what `deployment` may roll out; the task `rejected` shows who rejected
and why. A question that is not answered in time ends (`expired`). A newer verdict withdraws one that nobody answered
(`withdrawn`). So does a new champion, also of what was approved: the candidate was not compared with it, and
`evaluate_again` starts the evaluation of the same version again. The new verdict says why.

**When it fails**

| task | cause | do |
|---|---|---|
| `compare` | a test set was used in training, the self-test of the gates failed, the serving release is not the recorded one, or no training of this platform registered the version | read the message; nothing was changed. Never deploy around it |
| `hand_over` | nobody approved the verdict: a task was marked as successful by hand | clear `approve`, and let a person answer |
| `hand_over` | the model card, dataset or spec changed since it was judged | find out who changed it; evaluate the version again |
"""

from airflow.sdk import chain, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.task.trigger_rule import TriggerRule

from include.orchestration import assets
from include.orchestration.approval_form import forms
from include.orchestration.dags import (
    NO_RETRY,
    dag_family,
    emit,
    form,
    on,
    run_key,
    start_run,
    starters,
    triggered_by,
    triggering_extra,
    version_param,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase

ANY_FORM = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
ASKED = {"nobody": "keep_champion", "policy": "approve_by_policy", "person": "approve"}


def build(spec: UseCase) -> None:
    candidate, approved = assets.candidate(spec.name), assets.approved(spec.name)

    @step(spec, "retrain_evaluation.evaluate", **NO_RETRY, max_active_tis_per_dag=1)
    def compare(call: Call) -> dict:
        version = triggering_extra(candidate.name).get("version") or form()["version"]
        return call(version, run=run_key(), by=triggered_by(), people=starters())

    @step(spec, "approval.report")
    def explain(call: Call) -> str:
        return call(run_key())

    @step(spec, "approval.route", task.branch)
    def route(call: Call) -> str:
        return ASKED[call(run_key())]

    asked = forms(spec)

    @task
    def approve_by_policy() -> str:
        return "left to the policy in the use case's spec, which `hand_over` applies"

    @step(spec, "approval.outcome")
    def keep_champion(call: Call) -> str:
        return call(run_key())

    @step(spec, "approval.outcome", trigger_rule=ANY_FORM)
    def rejected(call: Call) -> str:
        return call(run_key(), "rejected")

    @step(spec, "approval.outcome", trigger_rule=ANY_FORM)
    def withdrawn(call: Call) -> str:
        return call(run_key(), "withdrawn")

    @step(spec, "approval.outcome", trigger_rule=ANY_FORM)
    def expired(call: Call) -> str:
        return call(run_key(), "expired")

    @step(spec, "approval.record_approval", outlets=[approved], trigger_rule=ANY_FORM)
    def hand_over(call: Call) -> None:
        if (handed_over := call(run_key())) is None:
            raise AirflowSkipException("a newer verdict came meanwhile, or another champion: nothing is handed over")
        emit(approved, **handed_over)

    @step(spec, "approval.overtaken", trigger_rule=TriggerRule.NONE_FAILED)
    def evaluate_again(call: Call) -> None:
        if (overtaken := call(run_key())) is None:
            raise AirflowSkipException("the verdict is on the champion that serves")
        print(f"version {overtaken['version']} is judged again: {overtaken['reason']}", flush=True)
        start_run(f"{spec.name}.retrain_evaluation", overtaken["run_id"], {"version": overtaken["version"]})

    by_policy = approve_by_policy()
    chain(compare(), explain(), route(), [asked[0], by_policy, keep_champion()])
    chain(*asked, given := hand_over())
    chain(by_policy, given)
    ends = [rejected(), ended := withdrawn(), expired()]
    for form_of_answer in asked:
        chain(form_of_answer, ends)
    chain([given, ended], evaluate_again())


FORM = {"version": version_param()}

# more than one run: a newer candidate is judged while an older question waits, and withdraws it
dag_family(build, arc="ml", component="evaluation", schedule=on(assets.candidate), max_active_runs=8, params=FORM)
