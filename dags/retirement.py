"""# Retirement

Ends the life of a release. It proposes releases that meet a criterion of `retirement` in `usecase.yaml` (age, unused,
superseded, decayed), asks a person, moves traffic away, and archives what is left: files, model and evidence. When the
archive's time is over, it is deleted, and the record proves it. docs/guides/retirement.md has the rules.

**Runs** by `retirement.check` (the first of each month by default), or by hand for one release. What serves, what a
rollback would put back, and the models that these were made of are never proposed by the criteria; the form names the
ones that met a criterion and stay.

| form | does |
|---|---|
| empty | looks for releases that meet a criterion |
| `release` | asks for the end of this one; needs a reason |
| `release` that serves, `replacement` | the same, after the replacement got all of the traffic |
| `release` that serves, `end_of_service`, `confirm` | the same, and nothing serves afterwards |

**When it waits**: `approve` is a *required action* (see *Browse → Required Actions*, or the tab of the task). Whoever
asked cannot answer. Without an answer within `approval.expires` the run fails and nothing is retired; the next one
asks again.

**When it fails**

| task | cause | do |
|---|---|---|
| `ask` | the release serves and no replacement was named, it is being rolled out, or what serves was made of it | read the message; choose another release |
| `retire` | a release was put back meanwhile, or is needed by now | ask again |
| `retire` | a server does not follow, or MLflow does not answer | `make status`, then clear the task; it continues |
| `delete_archives` | something is still there after its deletion | read the message, delete it by hand, clear the task |
"""

from airflow.sdk import Param, chain
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration.answers import Approval
from include.orchestration.dags import (
    NO_RETRY,
    confirm_param,
    dag_family,
    form,
    reason_param,
    release_param,
    run_key,
    text_param,
    triggered_by,
    xcom,
    yes_or_no,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "retirement.ask", **NO_RETRY, multiple_outputs=False)
    def ask(call: Call) -> dict:
        wanted = [form()[name] for name in ("release", "replacement", "end_of_service")]
        proposal = call(*wanted, form()["reason"] or "", triggered_by(), run_key())
        if not proposal:
            raise AirflowSkipException("no release is to be retired")
        return proposal

    approve = Approval(subject=f"{spec.title}: may these releases end?")

    @step(spec, "retirement.retire")
    def retire(call: Call) -> list[str]:
        return call(xcom("approve"), run_key())

    @step(spec, "retirement.delete_archives")
    def delete_archives(call: Call) -> dict[str, int]:
        return call(run_key())

    chain(ask(), approve, retire())
    delete_archives()


def fields(spec: UseCase) -> dict[str, Param]:
    end = "Nothing takes its place: clients get no answer any more. Needs `confirm`."
    return {
        "release": release_param(),
        "replacement": text_param(
            None, "Replacement", "The release that takes the place of one that serves.", r"^r\d{4,}$"
        ),
        "end_of_service": yes_or_no(False, "End the service", end),
        "reason": reason_param(needed=False),
        "confirm": confirm_param(spec, needed=False),
    }


def check(spec: UseCase) -> str | None:
    return spec.retirement.check


dag_family(build, arc="ops", component="model-deployment", schedule=check, params=fields)
