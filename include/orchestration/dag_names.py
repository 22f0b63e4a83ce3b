"""What each DAG family is called in Airflow's list of DAGs, what it does in a sentence, and for whom."""

from collections.abc import Mapping
from typing import NamedTuple

from include.contracts.governance import Role


class Shown(NamedTuple):
    """Name and sentence of a family; ``roles`` look at it first, and find it by the tag ``role:<role>``."""

    name: str
    description: str
    roles: tuple[Role, ...]


SHOWN: Mapping[str, Shown] = {
    "audit": Shown("Audit log check", "Verifies, signs and prunes the audit log.", ("auditor",)),
    "batch_inference": Shown(
        "Batch scoring", "Scores every event of a period with the release that serves.", ("engineer",)
    ),
    "catalog": Shown("Catalog", "Writes the metadata catalog, lineage and data sheets.", ("engineer", "auditor")),
    "compliance": Shown("Evidence bundle", "Writes the evidence of a release for EU AI Act and GDPR.", ("auditor",)),
    "compliance_review": Shown(
        "Review of legal texts", "Reminds of legal texts that are due for a check.", ("auditor",)
    ),
    "control": Shown("Pause and silence", "Switches automation or an alert off and on for a time.", ("operator",)),
    "data_pipeline": Shown("Data pipeline", "Brings periods from the source to the feature store.", ("engineer",)),
    "data_versions": Shown("Data versions", "Lists, compares, restores, pins and expires snapshots.", ("engineer",)),
    "dead_letters": Shown("Dead letters", "Puts events back that the consumer could not use.", ("operator",)),
    "deployment": Shown("Deployment", "Packages, tests and rolls out an approved model.", ("operator",)),
    "edge_bundle": Shown("Edge bundle", "Writes a release for machines without a server.", ("engineer",)),
    "export": Shown("Export", "Gives a table, encrypted, to a named recipient.", ("operator", "approver")),
    "hand_over": Shown("Hand-over to dev", "Gives dev a pseudonymised sample of the source.", ("operator", "approver")),
    "key_rotation": Shown("Key rotation", "Puts the newest pseudonym key in use.", ("admin",)),
    "labelling": Shown("Labelling", "Asks people for the labels that teach the model most.", ("engineer",)),
    "maintenance": Shown("Lake maintenance", "Keeps the files of the lake few and fast to read.", ("engineer",)),
    "monitoring": Shown("Monitoring", "Measures quality, drift, calibration and latency.", ("operator", "engineer")),
    "predictions_of": Shown(
        "Predictions of one entity", "Collects the answers about one entity, and why.", ("auditor", "approver")
    ),
    "privacy_audit": Shown("Privacy audit", "Proves that no personal value is stored in clear.", ("auditor",)),
    "quarantine": Shown("Quarantine", "Releases or drops rows that a gate refused.", ("operator",)),
    "retirement": Shown("Retirement", "Ends the life of a release.", ("operator", "approver")),
    "retrain_evaluation": Shown("Evaluation", "Makes the four comparisons and asks for approval.", ("approver",)),
    "retrain_trigger": Shown("Retrain decision", "Finds the cause of a loss and decides on a retrain.", ("operator",)),
    "rollback": Shown("Rollback", "Puts an earlier release back.", ("operator",)),
    "rollback_drill": Shown("Rollback drill", "Measures how long a rollback takes.", ("operator",)),
    "scrub": Shown("Scrub", "Proves that every stored file has its bytes.", ("operator", "auditor")),
    "stream_reconciliation": Shown(
        "Stream reconciliation", "Compares streamed features with the batch.", ("engineer",)
    ),
    "subject_deletion": Shown("Deletion of a subject", "Deletes every row that names one person.", ("admin",)),
    "take_in": Shown("Take in a hand-over", "Decrypts and lands the sample from prod in dev.", ("engineer",)),
    "training": Shown("Training", "Builds a dataset, searches, fits and registers a model.", ("engineer",)),
}  # fmt: skip
"""Every family; the identifier of a DAG stays ``<use case>.<family>``."""
