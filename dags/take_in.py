"""# Take in

Dev's side of a hand-over: checks and decrypts what prod handed over, and lays it into the landing directory, from
where `data_pipeline` collects it. In dev no source is ever called.

**Runs** by hand in the Airflow of dev. Without a name it takes in every hand-over that is new. Repeating it changes nothing.

**When it fails**

| task | means | do |
|---|---|---|
| `take_in` | the hand-over is for another key, was truncated or altered, or there is none | read the message; nothing of that hand-over was taken in; have it handed over again |
"""

from include.orchestration.dags import NO_RETRY, form, moebius_dag, text_param, usecases
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "take_in.take_in", **NO_RETRY, multiple_outputs=False)
    def take_in(call: Call) -> dict[str, int]:
        return call(form()["name"])

    take_in()


for usecase in usecases(lambda spec: spec.hand_over.allowed):
    with moebius_dag(
        usecase,
        __file__,
        arc="dev",
        component="data",
        doc=__doc__,
        params={"name": text_param(None, "Hand-over", "Its name in the exchange; empty: all new ones.", r"^[\w.-]+$")},
    ):
        build(usecase)
