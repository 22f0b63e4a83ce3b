"""# Dead letters

Events that the stream consumer could not use lie on the dead-letter stream of their feature view (or of the requests
to score), with the reason: they break the contract, their features cannot be computed, the model server refuses them,
or consumers ended while they worked on them.

**Runs** by hand: *replay* puts all of them back onto the stream, when what was wrong is mended; *drop* deletes
them. What is still unusable comes back here.

**When it fails**

| task | means | do |
|---|---|---|
| `settle` with `NotFoundError` | the use case has no such stream | the message names the streams there are |
| `settle` with `ServiceError` | Redis did not answer | `make status`; clear the task: what was put back is not put back again |
"""

from airflow.sdk import Param

from include.orchestration.dags import form, moebius_dag, usecases
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "dead_letters.settle")
    def settle(call: Call) -> int:
        return call(form()["view"], form()["choice"])

    settle()


for usecase in usecases(lambda spec: spec.event_streams):
    views = sorted(usecase.event_streams)
    with moebius_dag(
        usecase,
        __file__,
        arc="ops",
        component="data",
        doc=__doc__,
        params={
            "view": Param(
                views[0],
                type="string",
                enum=views,
                title="Stream",
                description="The feature view it feeds, or the requests.",
            ),
            "choice": Param(
                "replay",
                type="string",
                enum=["replay", "drop"],
                title="What to do",
                description="replay: back onto the stream; drop: delete for good.",
            ),
        },
    ):
        build(usecase)
