"""# Deletion of one subject's data

Deletes every row that names one subject (`privacy.subject` of the use case) from the lake tables, in all versions that
a snapshot pins, and from datasets, staging, quarantine, prediction spool and online store. It writes new versions,
updates the manifests and deletes the old files. Then it searches everything below the state root and fails if anything
is left. Later periods, and periods that run again, leave the subject out.

**Runs** by hand only. The form takes the subject's *reference*, which reveals nothing: `moebius subject <use case>`
computes it from the clear value on standard input. Reference, reason and login stay in Airflow's database and in the
lake table `privacy_records`, with the rows before and after per place; values do not.

Models that were trained before keep what they learned; the manifest of their dataset says that a subject was erased.
Train again to remove that too.

**When it fails**

| task | cause | do |
|---|---|---|
| `delete_subject`: SettingsError | there are no keys, or the reference belongs to an earlier key | put the keys back, or compute the reference again |
| `delete_subject`: NotFoundError | nothing that is stored names the subject; nothing was deleted, and no erasure is recorded | check the value (case, blanks) and the use case, and compute the reference again |
| `delete_subject`: PrivacyError | something is left; the message names the files | delete or repair those files, run it again |
| `delete_subject`: ConflictError | another writer committed first, or another deletion runs | nothing: it retries, and a repetition completes the work |
"""

from airflow.sdk import Param

from include.orchestration.dags import confirm_param, dag_family, form, reason_param, text_param, triggered_by
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "subject_deletion.delete")
    def delete_subject(call: Call) -> dict[str, int]:
        return call(form()["subject"], form()["reason"], triggered_by())

    delete_subject()


SUBJECT = "The subject's reference, like k01-…; never the value itself."


def fields(spec: UseCase) -> dict[str, Param]:
    return {
        "subject": text_param(None, "Subject", SUBJECT, r"^k\d\d-[0-9a-f]{32}$", needed=True),
        "reason": reason_param(),
        "confirm": confirm_param(spec),
    }


dag_family(build, arc="ops", component="data", where=lambda spec: spec.privacy.subject, params=fields)
