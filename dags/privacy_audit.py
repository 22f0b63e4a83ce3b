"""# Privacy audit

Proves that no personal value stands in clear: reads the values that the source has for a month into memory and
searches everything below the state root for them (lake tables and their logs, snapshots, feature store, staging,
quarantine, datasets, releases, prediction spool, exports, MLflow, Prometheus, Airflow's database, all logs) and Redis.
Source files that were delivered into `landing/` are in clear by their nature and are left out.

**Runs** after every month's features, and by hand with a month. A use case without a personal column passes at once.
Every finding is a row of the lake table `privacy_audits`; no message ever holds a value.

**When it fails**

| task | means | do |
|---|---|---|
| `audit`: PrivacyError | personal values stand in clear; place, column and count are named | correct what wrote them, delete it there, run again |
| `audit`: SettingsError | the pseudonym keys are missing or are others than those in use | put the keys back: `docs/guides/privacy.md` |
"""

from airflow.sdk import PartitionedAssetTimetable

from include.orchestration import assets
from include.orchestration.dags import MONTH, NO_RETRY, moebius_dag, run_period, text_param, usecases
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "privacy.audit", **NO_RETRY)
    def audit(call: Call) -> dict[str, int]:
        return call(run_period())

    audit()


for usecase in usecases():
    with moebius_dag(
        usecase,
        __file__,
        arc="ops",
        component="data",
        doc=__doc__,
        schedule=PartitionedAssetTimetable(assets=assets.features(usecase.name)),
        params={"period": text_param(None, "Month", "Whose personal values to search for, like 2013-04.", MONTH)},
    ):
        build(usecase)
