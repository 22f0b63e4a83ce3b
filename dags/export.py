"""# Export

Writes one table of some periods as encrypted Parquet files for a named recipient (`MOEBIUS_RECIPIENTS`). The files
contain the columns that both the login of this run and the recipient may read. The table `exports` records recipient,
both logins, time, number of rows and hash.

**When it waits**: `approve` is a *required action* (see *Browse → Required Actions*). The text says what leaves, for
whom and why. Whoever asked cannot answer; an `approver` or an `admin` must, whose role reads what leaves. A rejection ends
the run.

**Runs** by hand: fill in the form in the Airflow UI. The files are in `<exchange>/<use case>/<name>/`;
`docs/guides/access.md` says how to open them.

**When it fails**

| task | cause | do |
|---|---|---|
| `ask` | the recipient is unknown or has no key, a role may not read the table, or the table does not have the period | read the message; nobody was asked |
| `approve` | no login but the one that asked may answer, or that one answered | add a login to `MOEBIUS_AIRFLOW_USERS`; ask again |
| `export` | `approve` was marked as success without an answer, or key or columns changed since | read the message; nothing was exported; ask again |
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
    table_param,
    text_param,
    triggered_by,
    xcom,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "export.ask", **NO_RETRY, multiple_outputs=False)
    def ask(call: Call) -> dict:
        asked = form()
        periods = Period.between(Period(asked["from"]), Period(asked["to"]))
        return call(asked["table"], periods, asked["recipient"], asked["reason"], triggered_by())

    approve = Approval(subject=f"{spec.title}: may this table leave?")

    @step(spec, "export.export", **NO_RETRY, multiple_outputs=False)
    def export(call: Call) -> dict:
        return call(xcom("ask") | {"asked_by": triggered_by()}, xcom("approve"), run_key())

    chain(ask(), approve, export())


def fields(spec: UseCase) -> dict[str, Param]:
    return {
        "table": table_param("events"),
        **range_params(spec, Period.PATTERN),
        "recipient": text_param(None, "Recipient", "A name of MOEBIUS_RECIPIENTS.", r"\S", needed=True),
        "reason": reason_param(),
    }


dag_family(build, arc="dev", component="data", params=fields)
