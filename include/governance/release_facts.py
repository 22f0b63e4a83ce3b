"""Which data a model version was trained on, how it was judged, and who approved it: from the record of approvals."""

from collections.abc import Sequence
from dataclasses import dataclass

from include.contracts.approval import ApprovalEntry
from include.contracts.development import DatasetRef, ModelRef
from include.contracts.period import Period
from include.governance import approval


@dataclass(frozen=True)
class ReleaseFacts:
    """``proof`` is the version that was judged: of a refit another one. None: the record has no such entry.

    ``agreed`` are the answers of persons before the last one, which is ``answer``.
    """

    version: int
    proof: int
    registered: ApprovalEntry | None
    dataset: DatasetRef | None
    judged: ApprovalEntry | None
    answer: ApprovalEntry | None
    agreed: Sequence[ApprovalEntry] = ()

    @property
    def learned(self) -> list[Period]:
        """The periods that it learned from, those that validated among them."""
        return sorted({*self.dataset.train.periods, *self.dataset.validation.periods}) if self.dataset else []


def facts(history: approval.History, version: int) -> ReleaseFacts:
    """What the record says of a version."""
    registered, proof = approval.registration(history, version), approval.proof_version(history, version)
    judged = approval.newest_verdict(history, version=proof)
    answer = approval.answer(history, judged) if judged else None
    agreed = [e for e in history if judged and e.event == "agreed" and e.about == judged.sequence]
    dataset = ModelRef.model_validate(registered.facts["model"]).dataset if registered else None
    return ReleaseFacts(version, proof, registered, dataset, judged, answer, agreed)
