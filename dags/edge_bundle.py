"""# Edge bundle

Writes a release as one zip file that answers rows on a machine without server, network or this project. It contains the
ONNX model, the encoding, the schema and a runner that needs only onnxruntime. The bundle is tested on the samples of
the release before it is published as `var/edge/<use case>/<release>.zip`. `docs/guides/releases.md` says how to run it.

**Runs** by hand: name a release in the form in the Airflow UI, or leave it empty for the serving release.

**When it fails**

| task | cause | do |
|---|---|---|
| `make_bundle` | the release does not exist, was never champion and is not approved, or the bundle answers differently from the release | read the message; an earlier bundle is unchanged |
"""

from include.orchestration.dags import dag_family, form, release_param
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "edge_bundle.make", multiple_outputs=False)
    def make_bundle(call: Call) -> dict:
        return call(form()["release"])

    make_bundle()


FORM = {"release": release_param()}

dag_family(build, arc="ops", component="model-deployment", params=FORM)
