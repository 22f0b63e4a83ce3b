"""# Review of the legal texts

Reminds of the legal texts that the evidence bundles name: what they ask and from when they apply is data
(`include/governance/compliance/law.yaml`), with the date of its last check. Fails while a check is older than
`compliance.review_every` of the use case (90 days when it is left out). The message says which law to read, and where.

**Runs** every Monday at 5:00 UTC, for use cases whose `usecase.yaml` has `compliance`, and by hand in the Airflow UI. It says how many
items the newest bundle of the serving release lacks.

**When it fails**

| task | cause | do |
|---|---|---|
| `review`: ReviewDueError | nobody checked a legal text for longer than the use case allows | read the law at its source, correct `law.yaml` with its `checked_on`, commit it, clear the task: `docs/guides/compliance.md` |
| `review`: SpecError | `law.yaml` cannot be read | correct what the message names |
"""

from include.orchestration.dags import NO_RETRY, dag_family
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase

MONDAYS = "0 5 * * 1"


def build(spec: UseCase) -> None:
    @step(spec, "compliance_review.review", multiple_outputs=False, **NO_RETRY)
    def review(call: Call) -> dict:
        return call()

    review()


def declared(spec: UseCase) -> bool:
    return spec.compliance is not None


dag_family(build, arc="ops", component="governance", where=declared, schedule=MONDAYS)
