"""# Key rotation

Puts the newest pseudonym key in use: every stored token (lake, snapshots, datasets, staging, quarantine, prediction
spool, online store) becomes a token of that key, without the clear values; the old tokens are gone afterwards (new
versions plus vacuum), which a search of everything below the state root proves. The model server follows by itself.

**Before**: add the new key behind the others (`MOEBIUS_PSEUDONYM_KEYS=k01:…,k02:…`, or the file
`var/keys/pseudonym.keys`) and restart the platform. Earlier keys stay in the list: a clear value becomes a token
through all of them.

**Runs** by hand only, best while no `data_pipeline` runs.

**When it fails**

| task | means | do |
|---|---|---|
| `rotate`: SettingsError | no keys, or one that stored tokens are of is missing | put it back |
| `rotate`: PrivacyError | tokens of an earlier key are left, because something wrote meanwhile | run it again |
| `rotate`: ConflictError | a writer won, or a deletion runs | it retries by itself; a repetition finishes what was begun |
"""

from airflow.sdk import Param

from include.orchestration.dags import moebius_dag, triggered_by, usecases
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "key_rotation.rotate")
    def rotate(call: Call) -> dict[str, int]:
        return call(triggered_by())

    rotate()


for usecase in usecases(lambda spec: spec.pseudonymised):
    with moebius_dag(
        usecase,
        __file__,
        arc="ops",
        component="data",
        doc=__doc__,
        params={
            "confirm": Param(
                "",
                type="string",
                pattern=f"^{usecase.name}$",
                title="Confirm",
                description="Every stored token is rewritten: type the use case's name.",
            )
        },
    ):
        build(usecase)
