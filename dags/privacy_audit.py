"""# Privacy audit

Proves that no personal value is stored in clear. It reads the clear values of a period from the source into memory and
searches for them in Redis and in everything below the state root. That includes lake tables and their logs, snapshots,
staging, quarantine, datasets, releases, the prediction spool, exports, MLflow, Prometheus, Airflow's database and all
logs. Source files that were delivered to `landing/` are in clear and are left out.

**Runs** after the features of every period, and by hand with a period. A use case without a personal column passes at
once. Every result is recorded in the lake table `privacy_audits`; no message contains a value.

**When it fails**

| task | cause | do |
|---|---|---|
| `audit`: PrivacyError | personal values are stored in clear; the message names place, column and count | correct the code that wrote them, delete them, run again |
| `audit`: SettingsError | the pseudonym keys are missing, or are not those in use | put the keys back: `docs/guides/privacy.md` |
"""

from include.orchestration import assets
from include.orchestration.dags import NO_RETRY, dag_family, each_period, on_period, period_form
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "privacy_audit.audit", **NO_RETRY)
    def audit(call: Call) -> dict[str, int]:
        return each_period(call)

    audit()


dag_family(build, arc="ops", component="data", schedule=on_period(assets.features), params=period_form)
