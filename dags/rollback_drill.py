"""# Rollback drill

Measures how long a rollback to the release before the champion would take. It verifies and tests that release alone.
Then a private copy of the serving model rolls back to it and forward again under real requests. Clients notice nothing:
the drill has its own model name and rollout state on the same server. The rollout's events and the metric
`moebius_recovery_seconds` contain the time.

**Runs** by the cron line `rollout.drill` of the use case (Mondays at 4:00 UTC), or by hand. It is skipped while there is
no earlier release.

**When it fails**: a real rollback would fail too.

| message | do |
|---|---|
| files were changed after packaging, or differ from the trained model | package the earlier version again; until then roll back to another release |
| the server does not follow | `make status`; the log of the model server names the release that does not load |
"""

from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration.dags import dag_family, triggered_by
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "rollback_drill.drill_rollback")
    def drill(call: Call) -> dict:
        measured = call(triggered_by())
        if measured is None:
            raise AirflowSkipException("there is no earlier release to roll back to")
        return measured

    drill()


def drills(spec: UseCase) -> str | None:
    return spec.rollout.drill


dag_family(build, arc="ops", component="model-deployment", where=drills, schedule=drills)
