"""# Audit log

Verifies that nothing in the audit log was altered, signs what came since, and removes what has expired. The log is one
for all use cases: the first run of a day verifies it, and that stands for 12 hours for the others. A run by hand always
verifies it again. `docs/guides/audit.md` says what the log holds and how to search it.

| task | does |
|---|---|
| `count_uses` | reads the access log of the gateway: one event for each client, route and outcome, with the number of requests |
| `verify` | proves every entry, checkpoint, approval, release and prediction against what was signed, and the checkpoints against their copy outside the state root |
| `sign` | signs a checkpoint of each day that has grown, and copies it to `MOEBIUS_AUDIT_CHECKPOINTS` |
| `record_checklist` | keeps what the implementation checklist of ISO/IEC 23053 shows today, derived from the evidence that the platform has |
| `forget` | removes events older than `MOEBIUS_AUDIT_DAYS`; their hashes stay, so the log still verifies |

**Runs** every day at 5:00 UTC, and by hand: *Verify now* on the page *Audit log* of Moebius, which shows the last
verification and the run that did it.

**When it fails**

| task | cause | do |
|---|---|---|
| `verify`: DamagedStateError | something was altered; the message names each entry, file or row. The alert `MoebiusAuditLogAltered` fires. Nothing is signed or removed until it is repaired | change nothing. Copy the state root and the directory of checkpoints. Find out who could write there (`moebius access review`, logins of the host). Restore the named files from a backup, then run this DAG by hand |
| `verify`: the copy of the checkpoints is not there | the directory of `MOEBIUS_AUDIT_CHECKPOINTS` was emptied or is not mounted | mount it again; without the copy a log that was made again cannot be distinguished from the true one |
| `sign`: ServiceError | the directory of checkpoints cannot be written | make it writable, clear the task |
| `sign`: SettingsError | this process has no key to sign with | restore `keys/approval.key` from a backup, or set `MOEBIUS_APPROVAL_KEY` |
| `record_checklist`: DamagedStateError | the states of this month, below `platform/checklist/`, were altered | restore the file from a backup, clear the task |
| `count_uses`, `forget`: ServiceError | the log takes no entry: the disk is full or read-only | free space; until then nothing is changed, decided or shown that the log must have |
"""

from airflow.sdk import chain

from include.orchestration.dags import dag_family, run_id, scheduled
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "audit.count_uses")
    def count_uses(call: Call) -> dict:
        return call()

    @step(spec, "audit.verify", trigger_rule="all_done")
    def verify(call: Call) -> dict:
        return call(anew=not scheduled(), run=run_id())

    @step(spec, "audit.sign")
    def sign(call: Call) -> dict:
        return call()

    @step(spec, "audit.record_checklist", trigger_rule="all_done")
    def record_checklist(call: Call) -> dict:
        return call()

    @step(spec, "audit.forget")
    def forget(call: Call) -> dict:
        return call()

    signed = sign()
    chain(count_uses(), verify(), signed, forget())
    chain(signed, record_checklist())


dag_family(build, arc="ops", component="evaluation", schedule="0 5 * * *")
