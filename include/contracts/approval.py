"""The record of approvals: what was registered, judged, approved and rejected, each entry signed."""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record

ApprovalEvent = Literal["registered", "verdict", "approved", "rejected", "withdrawn", "answer_refused"]
"""``withdrawn``: a newer verdict came before anybody answered. ``answer_refused``: an answer that does not count."""

UNNAMED = "somebody over REST"
"""Stands among the people who started a run whose asset event was posted over REST: Airflow does not say by whom."""


class ApprovalEntry(Record):
    """One entry: who did what about a model version, when and why.

    ``sequence`` counts the entries of a use case from 1, and ``previous`` is the hash of the one before. ``about`` is
    the sequence of the verdict that an answer is on. ``people`` are the logins that started the training or the
    evaluation. ``facts``: of a registration ``model`` (ModelRef), ``members``, ``training_key`` and, of a
    refit, ``proof``: ``version`` and ``artifact_hash`` of the model that was judged; of a verdict ``verdict``; of an
    approval by policy ``policy`` and ``spec``, the hash of the spec.
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
    facts: dict[str, Any] = {}

    @property
    def content(self) -> str:
        """What is signed: JSON in its canonical form."""
        return json.dumps(self.json_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class RecordedApproval(Record):
    """Every registered model version, verdict, approval, rejection and withdrawal, signed."""

    sequence: int = Field(description="number of the entry within the use case, from 1 without a gap")
    at: Moment = Field(description="when, UTC")
    event: ApprovalEvent = Field(description="registered, verdict, approved, rejected, withdrawn or answer_refused")
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
