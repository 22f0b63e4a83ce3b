"""The evidence of an approval, read from where it lies, and proof that it is still what was judged."""

from pathlib import Path

from include.contracts.approval import ApprovalEntry, Evidence
from include.contracts.development import DatasetRef, ModelRef
from include.contracts.evaluation import Verdict
from include.development.card.page import VERDICT
from include.development.datasets.building import load_dataset
from include.errors import ApprovalError, NotFoundError
from include.governance import approval, evidence
from include.services.adapters import Adapters
from include.services.approvals import model_of, verdict_of
from include.specification.usecase import UseCase

CARD = "model_card.md"


def collected(spec: UseCase, adapters: Adapters, model: ModelRef, verdict: Verdict) -> Evidence:
    """The evidence on a model as it lies now. Raises ServiceError when MLflow does not answer."""
    return evidence.of(spec, verdict, _card(adapters, model), _dataset(model.dataset))


def changed(spec: UseCase, adapters: Adapters, history: approval.History, judged: ApprovalEntry) -> str:
    """What of the evidence of a verdict is another one now; '' for nothing, and for verdicts of earlier versions."""
    registered = approval.registration(history, judged.version)
    if registered is None or not judged.evidence:
        return ""
    now = collected(spec, adapters, model_of(registered), verdict_of(judged))
    return evidence.difference(Evidence.model_validate(judged.facts["evidence"]), now)


def require_unchanged(spec: UseCase, adapters: Adapters, history: approval.History, version: int) -> None:
    """Raises ApprovalError when the evidence on a version, of a refit on its proof, is not what was approved."""
    judged = approval.newest_verdict(history, version=approval.proof_version(history, version))
    if judged and (what := changed(spec, adapters, history, judged)):
        raise ApprovalError(
            f"version {judged.version} of {spec.name} is not deployed: since it was judged {what}. Find out who did "
            f"that, then run {spec.name}.retrain_evaluation with version {judged.version} and have it approved"
        )


def _card(adapters: Adapters, model: ModelRef) -> str:
    """The card without its verdict, which the record of approvals writes; '' when the version has none."""
    try:
        return adapters.tracker.document(model, CARD).partition(VERDICT)[0].rstrip()
    except NotFoundError:
        return ""


def _dataset(registered: DatasetRef) -> DatasetRef | None:
    """The dataset by its manifest; as registered when an erasure has rewritten rows of it since."""
    try:
        now = load_dataset(registered.name, Path(registered.path).parent)
    except NotFoundError:
        return None
    return registered if set(now.rewrites) - set(registered.rewrites) else now
