"""# Deletion of one subject's data

Deletes every row that names one subject (`privacy.subject` of the use case): lake tables in all versions that a
snapshot pins, with new versions, re-pinned manifests and a vacuum; datasets, staging, quarantine, prediction spool,
online store. Then it searches everything below the state root and fails if anything is left. Later months, and a
month that is run again, come without the subject.

**Runs** by hand only. The form takes the subject's *reference*, which tells nothing: `moebius subject <use case>`
makes it from the clear value on standard input. Reference, reason and who asked stay in Airflow's
database and in the lake table `privacy_records`, with the rows before and after per place; values stay nowhere.

Models that were trained before keep what they learned; their dataset's manifest says that a subject was erased.
Train again to be rid of that too.

**When it fails**

| task | means | do |
|---|---|---|
| `delete_subject`: SettingsError | no keys, or the reference is of an earlier key | put the keys back, or make the reference again |
| `delete_subject`: PrivacyError | something is left; the files are named | delete or repair those, run it again |
| `delete_subject`: ConflictError | a writer won, or another deletion runs | it retries by itself; a repetition finishes what was begun |
"""

from airflow.sdk import Param

from include.orchestration.dags import form, moebius_dag, triggered_by, usecases
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    @step(spec, "subject_deletion.delete")
    def delete_subject(call: Call) -> dict[str, int]:
        return call(form()["subject"], form()["reason"], triggered_by())

    delete_subject()


for usecase in usecases(lambda spec: spec.privacy.subject):
    with moebius_dag(
        usecase,
        __file__,
        arc="ops",
        component="data",
        doc=__doc__,
        params={
            "subject": Param(
                None,
                type=["null", "string"],
                pattern=r"^k\d\d-[0-9a-f]{32}$",
                title="Subject",
                description="The subject's reference, like k01-…; never the value itself.",
            ),
            "reason": Param("", type="string", minLength=3, title="Reason", description="Kept with the record."),
            "confirm": Param(
                "",
                type="string",
                pattern=f"^{usecase.name}$",
                title="Confirm",
                description="This cannot be undone: type the use case's name.",
            ),
        },
    ):
        build(usecase)
