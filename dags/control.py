"""# Control

Switches the automation of a use case off for a time, or one alert, and on again. A pause and a silence need a length of
time (90 days at most) and a reason, and end by themselves. docs/guides/control.md has the rules.

**Runs** by hand only; the log of `operate` shows what is switched off afterwards.

| operation | needs | does |
|---|---|---|
| `show` | | shows what is paused or silent |
| `pause` | `length`, `reason` | no retrain starts by alert or schedule, and no approved version is deployed by itself |
| `resume` | `reason` | ends the pause |
| `silence` | `alert`, `length`, `reason` | the retrain trigger neither starts on this alert nor decides on it |
| `unsilence` | `alert`, `reason` | ends the silence |

**When it fails**

| task | cause | do |
|---|---|---|
| `operate` with `AccessError` | the role may not, or the reason is missing | read the message |
| `operate` with `NotFoundError` | no length, no such alert, or nothing to end | read the message; it lists the alerts |
"""

from airflow.sdk import Param

from include.contracts.calendar import Span
from include.orchestration.dags import NO_RETRY, choice, dag_family, form, reason_param, text_param, triggered_by
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase

OPERATIONS = ["show", "pause", "resume", "silence", "unsilence"]


def build(spec: UseCase) -> None:
    @step(spec, "control.operate", **NO_RETRY)
    def operate(call: Call) -> str:
        asked = form()
        done: str = call(asked["operation"], asked["alert"], asked["length"], asked["reason"] or "", triggered_by())
        print(done, flush=True)
        return done

    operate()


def fields(spec: UseCase) -> dict[str, Param]:
    return {
        "operation": choice("show", OPERATIONS, "Operation", "What to do."),
        "alert": text_param(None, "Alert", "Name of an alert, like MoebiusPerformanceLoss.", r"^Moebius\w+$"),
        "length": text_param(None, "Length", "How long, like 12 hours or 2 days.", Span.PATTERN),
        "reason": reason_param(needed=False),
    }


dag_family(build, arc="ops", component="model-deployment", params=fields)
