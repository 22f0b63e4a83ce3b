"""# Rollback

Puts an earlier release back under the stable name: model, features and monitoring baseline together. Takes
about a second; no request fails.

**Runs** by hand only. `release` is a name like `r0001`; empty means the release that served before. The log of
`choose` lists all releases.

**When it fails**: `restore` refuses a release whose files were changed; choose another.
"""

from airflow.sdk import Param

from include.orchestration import assets
from include.orchestration.dags import emit, moebius_dag, step, text_param, usecases
from include.usecase import UseCase


def build(spec: UseCase) -> None:
    serving = assets.serving(spec.name)

    @step()
    def choose(params: dict | None = None) -> str:
        from include.loop.rollback import rollback_target
        from include.services import services

        return rollback_target(spec, services(), (params or {})["release"])

    @step(outlets=[serving])
    def restore(release: str, params: dict | None = None) -> None:
        from include.loop.rollback import restore_release
        from include.services import services

        restore_release(spec, services(), release, reason=(params or {})["reason"])
        emit(serving, release=release)

    restore(choose())


for usecase in usecases():
    with moebius_dag(
        usecase,
        __file__,
        arc="ops",
        component="model-deployment",
        doc=__doc__,
        params={
            "release": text_param(
                None, "Release", "Release to put back, like r0001; empty: the one before.", r"^r\d{4}$"
            ),
            "reason": Param("", type="string", minLength=3, title="Reason", description="Kept in the rollout record."),
        },
    ):
        build(usecase)
