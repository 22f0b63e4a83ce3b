"""The record of approvals: what was registered, judged, approved and rejected, each entry signed."""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record

ApprovalEvent = Literal[
    "registered", "verdict", "agreed", "disagreed", "approved", "rejected", "withdrawn", "expired", "answer_refused"
]
"""``agreed``, ``disagreed``: one of several answers that are needed; the last one is ``approved`` or ``rejected``.
``withdrawn``: a newer verdict came before anybody answered. ``expired``: nobody answered in time. ``answer_refused``:
an answer that does not count."""

UNNAMED = "somebody over REST"
"""Stands among the people who started a run whose asset event was posted over REST: Airflow does not say by whom."""


class Evidence(Record):
    """What an approval is on, each as a SHA-256; its own digest is what an approval signs.

    The verdict, its figures, the model card as the training wrote it, the dataset, and the parts of the spec that a
    judgement depends on. Empty: there was none, like a model without a card.
    """

    verdict: str
    figures: str
    card: str
    dataset: str
    spec: str


class ApprovalEntry(Record):
    """One entry: who did what about a model version, when and why.

    ``sequence`` counts the entries of a use case from 1, and ``previous`` is the hash of the one before. ``about`` is
    the sequence of the verdict that an answer is on. ``people`` are the logins that started the training or the
    evaluation. ``facts``: of a registration ``model`` (ModelRef), ``members``, ``training_key`` and, of a
    refit, ``proof``: ``version`` and ``artifact_hash`` of the model that was judged; of a verdict ``verdict`` and
    ``evidence``; of an answer of a person ``stage`` and, of an approval, ``approvers``; of an approval by policy
    ``policy`` and ``spec``, the hash of the spec. ``evidence`` is the hash of what was shown to who answered, empty in
    entries of earlier versions.
    """

    usecase: str
    environment: str
    sequence: int = Field(ge=1)
    previous: str
    at: Moment
    event: ApprovalEvent
    version: int
    artifact_hash: str
    by: str
    reason: str
    run: str = ""
    people: list[str] = []
    about: int = 0
    verdict: str = ""
    decision: str = ""
    evidence: str = ""
    facts: dict[str, Any] = {}

    @property
    def content(self) -> str:
        """What is signed: JSON in its canonical form."""
        return json.dumps(self.json_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class RecordedApproval(Record):
    """Every registered model version, verdict, approval, rejection and withdrawal, signed."""

    sequence: int = Field(description="number of the entry within the use case, from 1 without a gap")
    at: Moment = Field(description="when, UTC")
    event: ApprovalEvent = Field(description="registered, verdict, agreed, approved, rejected, withdrawn, expired …")
    version: int = Field(description="model version")
    by: str = Field(description="login, policy, or what started the run")
    reason: str = Field(description="why")
    content: str = Field(description="the entry as it was signed, JSON; the columns beside it repeat parts of it")
    signature: str = Field(description="Ed25519 signature of the content, base64")
    key: str = Field(description="fingerprint of the public key that verifies it")

    @property
    def period(self) -> Period:
        return Period.recorded(self.at)

    @property
    def content_hash(self) -> str:
        """What the next entry names as ``previous``."""
        return hashlib.sha256(self.content.encode()).hexdigest()
