"""# Evidence bundle

Writes the evidence bundle of a release: what the EU AI Act (Annex IV) and the GDPR (articles 13 to 15, 22 and 35) ask,
each item with its evidence, date and hash, or *missing, because*. It is written as JSON, HTML and PDF below
`var/compliance/<use case>/`, with a signed manifest. The bundle claims no conformity.

**Runs** by hand: name a release in the form in the Airflow UI, or leave it empty for the serving release. The audit log
has who made it and why. A bundle with the same content that is there already stays, with its time.

**When it fails**: no bundle is written; read the message.

| task | cause | do |
|---|---|---|
| `write_bundle`: NotFoundError | there is no such release, or none was named and none serves | name one of the releases in the message |
| `write_bundle`: DamagedReleaseError, DeploymentError | the release or the record of approvals was altered: it is no evidence | find out who changed it; `moebius doctor`, or restore it from the backup |
| `write_bundle`: SettingsError | the worker has no key to sign with | `docs/guides/compliance.md` |
"""

from include.orchestration.dags import dag_family, form, reason_param, release_param
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "compliance.write_bundle", multiple_outputs=False)
    def write_bundle(call: Call) -> dict:
        return call(form()["release"])

    write_bundle()


FORM = {"release": release_param(), "reason": reason_param()}

dag_family(build, arc="ops", component="governance", params=FORM)
