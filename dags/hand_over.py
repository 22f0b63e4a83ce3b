"""# Hand-over

Gives dev a **sample** of the source data, **pseudonymised** with separate keys and encrypted for dev's key. In
`usecase.yaml`, `hand_over` sets the share and the columns, and `privacy` sets the treatment of personal columns.

**Runs** by hand, in prod: fill in the form with the periods and the reason.

**When it waits**: `approve` is a *required action* (see *Browse → Required Actions*). The text lists every column
of the hand-over and its treatment. Whoever asked cannot answer; an `approver` or an `admin` must. The table `exports`
records who asked and who approved; a rejection ends the run.

**Then**, in dev: run `take_in`.

**When it fails**

| task | cause | do |
|---|---|---|
| `ask` | the spec forbids the hand-over, a personal column has no treatment, a role is too low, or dev has no key yet | read the message; nothing was exported |
| `approve` | no login but the one that asked may answer, or that one answered | add a login to `MOEBIUS_AIRFLOW_USERS`; ask again |
| `export` | `approve` was marked as success without an answer, the source does not have the period, or dev's key changed after the approval | read the message; the exchange contains all files of the hand-over or none |
"""

from airflow.sdk import Param, chain

from include.contracts.period import Period
from include.orchestration.answers import Approval
from include.orchestration.dags import (
    NO_RETRY,
    dag_family,
    form,
    range_params,
    reason_param,
    run_key,
    triggered_by,
    xcom,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "hand_over.ask", **NO_RETRY, multiple_outputs=False)
    def ask(call: Call) -> dict:
        return call(Period(form()["from"]), Period(form()["to"]), form()["reason"], triggered_by())

    approve = Approval(subject=f"{spec.title}: may this data leave prod for dev?")

    @step(spec, "hand_over.export", **NO_RETRY)
    def export(call: Call) -> dict:
        return call(xcom("ask") | {"asked_by": triggered_by()}, xcom("approve"), run_key())

    chain(ask(), approve, export())


def fields(spec: UseCase) -> dict[str, Param]:
    return {**range_params(spec), "reason": reason_param()}


dag_family(build, arc="dev", component="data", where=lambda spec: spec.hand_over.allowed, params=fields)
