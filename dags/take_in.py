"""# Take in

The dev side of a hand-over: checks and decrypts the data from prod and puts it into the landing directory, where
`data_pipeline` collects it. dev never calls a source.

**Runs** by hand in the Airflow of dev. Without a name it takes in every new hand-over. Repeating it changes nothing.

**When it fails**

| task | cause | do |
|---|---|---|
| `take_in` | the hand-over is for another key, was truncated or altered, or does not exist | read the message; nothing of that hand-over was taken in; ask for a new hand-over |
"""

from include.orchestration.dags import NO_RETRY, dag_family, form, text_param
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "take_in.take_in", **NO_RETRY, multiple_outputs=False)
    def take_in(call: Call) -> dict[str, int]:
        return call(form()["name"])

    take_in()


FORM = {"name": text_param(None, "Hand-over", "Its name in the exchange; empty: all new ones.", r"^[\w.-]+$")}

dag_family(build, arc="dev", component="data", where=lambda spec: spec.hand_over.allowed, params=FORM)
