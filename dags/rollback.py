"""# Rollback

Puts an earlier release back under the stable name: model, features and monitoring baseline together. It takes about a
second, and no request fails. It can also end a rollout in progress at once.

**Runs** by hand only.

| operation | release | does |
|---|---|---|
| `roll_back` | empty | asks: `ask` is a *required action* (see *Browse → Required Actions*, or the tab of the task). It lists every release with its figure on its test set, its figures by period while it served, when it was champion, and whether it may be put back. If nobody answers for a day, nothing changes |
| `roll_back` | `r0001`, or `previous`, the newest former champion | puts it back without a question |
| `abort` | | returns all traffic to the champion; the deployment's run fails and says who ended it |

**When it fails**

| task | cause | do |
|---|---|---|
| `ask` | no release serves, or there is only one release | deploy first |
| `choose`, `restore` | the release was never champion and is not approved, its files were changed after packaging, or it has all the traffic already | choose another, or have its model version evaluated and approved |
| `abort` | no rollout is in progress | `roll_back`, if an earlier release should serve |
"""

from airflow.sdk import chain, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.task.trigger_rule import TriggerRule

from include.orchestration import assets
from include.orchestration.dags import choice, dag_family, emit, form, reason_param, release_param, triggered_by, xcom
from include.orchestration.rollback_form import RollbackForm
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    serving = assets.serving(spec.name)

    @task.branch
    def what_to_do() -> str:
        return "abort" if form()["operation"] == "abort" else "choose" if form()["release"] else "ask"

    @step(spec, "rollback.abort")
    def abort(call: Call) -> str:
        return call(form()["reason"], triggered_by())

    # a task of its own: asked again after the switch, `previous` would be the release before
    @step(spec, "rollback.rollback_target", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def choose(call: Call) -> str:
        if not (wanted := form()["release"] or xcom("ask")):
            raise AirflowSkipException("the serving release stays")
        return call(wanted)

    @step(spec, "rollback.restore", outlets=[serving])
    def restore(call: Call, release: str) -> None:
        emit(serving, release=call(release, form()["reason"], triggered_by()))

    asked, chosen = RollbackForm(task_id="ask", spec=spec), choose()
    chain(what_to_do(), [asked, chosen, abort()])
    chain(asked, chosen)
    restore(chosen)


FORM = {
    "operation": choice("roll_back", ["roll_back", "abort"], "Operation", "What to do."),
    "release": release_param("previous"),
    "reason": reason_param(),
}

# more than one run: an abort must not wait behind a form that nobody answers
dag_family(build, arc="ops", component="model-deployment", max_active_runs=8, params=FORM)
