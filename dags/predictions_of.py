"""# Predictions of one entity or request

Collects the answers about one entity, event or request: which release answered, with which request and features, what
became known since and, if asked for, what each feature moved the answer by (SHAP values). They leave as an encrypted
export for a named recipient (`MOEBIUS_RECIPIENTS`), with the columns that the login of this run, the recipient and the
approver may all read. No row and no value stands in a log or an XCom. Each look is an event of the audit log, the
table `exports` records the export.

**When it waits**: `approve` is a *required action* (see *Browse → Required Actions*). Whoever asked cannot answer; an
`approver` or an `admin` must. A rejection ends the run.

**Runs** by hand: fill in the form in the Airflow UI. A form is kept, so a pseudonymised key is named by its reference,
which `moebius subject <use case>` makes of the value. `docs/guides/predictions_of.md` says how to open the result, and
how the command `moebius predictions` shows the same at once.

**When it fails**

| task | cause | do |
|---|---|---|
| `ask`: AccessError | the recipient is unknown or has no key, or a role may not look for this key | read the message; nobody was asked |
| `ask`: DataError, NotFoundError | the value is in clear, or there is no such answer | make the reference again; check the use case |
| `approve` | no login but the one that asked may answer, or that one answered | add a login to `MOEBIUS_AIRFLOW_USERS`; ask again |
| `export` | `approve` was marked as success without an answer, or the recipient's key changed | read the message; nothing was exported; ask again |
"""

from airflow.sdk import Param, chain

from include.orchestration.answers import Approval
from include.orchestration.dags import (
    NO_RETRY,
    choice,
    dag_family,
    form,
    reason_param,
    run_key,
    text_param,
    triggered_by,
    xcom,
    yes_or_no,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "predictions_of.ask", **NO_RETRY, multiple_outputs=False)
    def ask(call: Call) -> dict:
        asked = form()
        about = (asked["key"], asked["value"], asked["recipient"], asked["reason"])
        return call(*about, asked["explain"], triggered_by())

    approve = Approval(subject=f"{spec.title}: may these answers leave?")

    @step(spec, "predictions_of.export", **NO_RETRY, multiple_outputs=False)
    def export(call: Call) -> dict:
        return call(xcom("ask") | {"asked_by": triggered_by()}, form()["value"], xcom("approve"), run_key())

    chain(ask(), approve, export())


VALUE = "The id of the request or event, or the key of the entity; a pseudonymised one as its reference, like k01-…"


def fields(spec: UseCase) -> dict[str, Param]:
    return {
        "key": choice(spec.answer_keys[0], [*spec.answer_keys], "Found by", "What the value is."),
        "value": text_param(None, "Value", VALUE, r"\S", needed=True),
        "explain": yes_or_no(False, "Explain", "What each feature moved the answers by."),
        "recipient": text_param(None, "Recipient", "A name of MOEBIUS_RECIPIENTS.", r"\S", needed=True),
        "reason": reason_param(),
    }


dag_family(build, arc="ops", component="deployment", params=fields)
