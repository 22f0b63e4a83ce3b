"""# Dead letters

The stream consumer puts an event that it cannot use on the dead-letter stream of its feature view, or of the requests
to score, together with the reason. Reasons: the event breaks the contract, its features cannot be computed, the model
server refuses it, or it crashed its consumers.

**Runs** by hand. *replay* puts all dead letters back on the stream; use it after you repaired the cause. *drop*
deletes them, and needs a reason. An event that still cannot be used becomes a dead letter again.

**When it fails**

| task | cause | do |
|---|---|---|
| `settle` with `NotFoundError` | the use case has no such stream, or the stream has no dead letter | choose a stream that the message lists; without a dead letter there is nothing to do |
| `settle` with `ServiceError` | Redis did not answer | `make status`, then clear the task; it does not put an event back twice |
"""

from airflow.sdk import Param

from include.orchestration.dags import choice, dag_family, form, reason_param
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "dead_letters.settle")
    def settle(call: Call) -> int:
        return call(form()["view"], form()["choice"])

    settle()


def fields(spec: UseCase) -> dict[str, Param]:
    streams, settle = sorted(spec.event_streams), "replay: put them back on the stream; drop: delete them."
    return {
        "view": choice(streams[0], streams, "Stream", "Feature view that it feeds, or requests to score."),
        "choice": choice("replay", ["replay", "drop"], "What to do", settle),
        "reason": reason_param(needed=False),
    }


dag_family(build, arc="ops", component="data", where=lambda spec: spec.event_streams, params=fields)
