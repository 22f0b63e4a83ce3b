"""# Key rotation

Puts the newest pseudonym key in use. Every stored token (lake, snapshots, datasets, staging, quarantine, prediction
spool, online store) becomes a token of that key; no clear values are needed. The files with old tokens are deleted, and
a search of everything below the state root proves it. The model server follows by itself.

**Before**: add the new key at the end of the list (`MOEBIUS_PSEUDONYM_KEYS=k01:…,k02:…`, or the file
`var/keys/pseudonym.keys`) and restart the platform. Keep earlier keys in the list: a clear value passes through all of
them.

**Runs** by hand only, preferably while no `data_pipeline` runs.

**When it fails**

| task | cause | do |
|---|---|---|
| `rotate`: SettingsError | there are no keys, or a key that stored tokens need is missing | put it back |
| `rotate`: PrivacyError | tokens of an earlier key are left, because another task wrote in the meantime | run it again |
| `rotate`: ConflictError | another writer committed first, or a deletion runs | nothing: it retries, and a repetition completes the work |
"""

from airflow.sdk import Param

from include.orchestration.dags import confirm_param, dag_family, reason_param, triggered_by
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "key_rotation.rotate")
    def rotate(call: Call) -> dict[str, int]:
        return call(triggered_by())

    rotate()


def fields(spec: UseCase) -> dict[str, Param]:
    return {"reason": reason_param(), "confirm": confirm_param(spec)}


dag_family(build, arc="ops", component="data", where=lambda spec: spec.pseudonymised, params=fields)
