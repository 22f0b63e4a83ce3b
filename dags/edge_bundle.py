"""# Edge bundle

A release as one zip file that answers rows on a machine without server, network or this project: ONNX model, encoding,
schema and a runner that needs onnxruntime only. It is proved on the release's samples before it is there. It lies in
`var/edge/<use case>/<release>.zip`; how to run it is in `docs/guides/releases.md`.

**Runs** by hand: in the Airflow UI's form name a release, or leave it empty for the one that serves.

**When it fails**

| task | means | do |
|---|---|---|
| `make_bundle` | there is no such release, or the bundle does not answer as the release does | read the message; an earlier bundle is untouched |
"""

from include.orchestration.dags import form, moebius_dag, text_param, usecases
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "edge_bundle.make", multiple_outputs=False)
    def make_bundle(call: Call) -> dict:
        return call(form()["release"])

    make_bundle()


for usecase in usecases():
    with moebius_dag(
        usecase,
        __file__,
        arc="ops",
        component="model-deployment",
        doc=__doc__,
        params={"release": text_param(None, "Release", "Like r0002; empty: the one that serves.", r"^r\d{4}$")},
    ):
        build(usecase)
