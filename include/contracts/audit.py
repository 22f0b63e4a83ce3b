"""What the audit log holds: events of people, clients and steps, batches of predictions, and what is signed of them."""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field

from include.contracts.record import Moment, Record

AuditKind = Literal["use", "change", "decision", "access"]
"""``use``: a model, a command or a form was used; ``change``: data, rights, keys or what serves were changed;
``decision``: something was approved, rejected, judged or retired; ``access``: somebody looked at something."""
Via = Literal["page", "rest", "form", "command", "gateway", "task"]
Outcome = Literal["asked", "done", "refused", "failed"]
"""``asked``: about to be done; when no event of the same act follows, the process ended before it knew the outcome."""


class AuditEvent(Record):
    """One event, as who takes part in it reports it; the log numbers it.

    What changes something has two events of one ``facts["act"]``: ``asked`` before it happens, so that nothing happens
    that the log does not take, and then how it ended.

    Personal values stand in ``subject`` alone, which the log keeps so that an erasure makes it unreadable; ``facts``
    and ``reason`` hold none.
    """

    at: Moment
    kind: AuditKind
    action: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="what was done, like read_table or approve")
    by: str = Field(description="login, client of the gateway, or what started it when no person did")
    via: Via
    usecase: str = Field("", description="the use case; empty: the platform")
    what: str = Field("", description="what it was done to, like `table events 2013-01` or `release r0002`")
    reason: str = ""
    outcome: Outcome = "done"
    subject: dict[str, str] = Field({}, description="entity column → value of the person that it concerns")
    facts: dict[str, Any] = {}


ERASED = "(erased)"
"""Stands for a value of a person whose key was deleted."""


class PredictionBatch(Record):
    """Predictions that were written together: one leaf of the day's tree, which names the root of their own tree."""

    usecase: str
    table: str = Field(description="table of the lake that the rows are in")
    run: str = Field("", description="what the rows are the answers of, where they may be computed again")
    size: int = Field(ge=1)
    root: str = Field(description="root of the tree over the rows' leaves, hexadecimal")
    offset: int = Field(0, ge=0, description="position of the first leaf in the day's file of leaves")
    columns: dict[str, str] = Field(description="column → how its values are turned into bytes, in this order")
    tokens: list[str] = Field([], description="columns with pseudonyms: the id of a value's key stands for the value")
    subject: str = Field("", description="the column whose key the leaves are HMACs under; empty: no person")
    first: Moment | None = Field(None, description="earliest event among the rows, where they have times")
    last: Moment | None = None


class AuditEntry(Record):
    """One entry of the log: an event or a batch; neither of one whose retention is over."""

    day: str = Field(description="UTC day of the writing")
    number: int = Field(ge=0, description="position in the day's tree, from 0")
    at: Moment | None = Field(None, description="when it was written")
    event: AuditEvent | None = None
    batch: PredictionBatch | None = None


class Checkpoint(Record):
    """What is signed of the log: the tree of a day at a size, chained to the checkpoint before.

    ``heads`` are digests of other records: ``approvals/<use case>`` → number and hash of the newest entry,
    ``releases/<use case>/<release>`` → hash of the manifest.
    """

    kind: Literal["moebius audit checkpoint"] = "moebius audit checkpoint"
    log: str = Field(description="id of the log, from its first use on")
    number: int = Field(ge=1)
    previous: str = Field(description="SHA-256 of the content of the checkpoint before; empty for the first")
    at: Moment
    day: str
    size: int = Field(ge=1, description="entries of the day")
    root: str
    first: Moment | None = Field(None, description="earliest time of an event among them")
    last: Moment | None = None
    heads: dict[str, str] = {}

    @property
    def content(self) -> str:
        """What is signed: JSON in its canonical form."""
        return json.dumps(self.json_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class SignedCheckpoint(Record):
    """A checkpoint with its signature; ``key`` is the fingerprint of the public key that verifies it."""

    content: str
    signature: str
    key: str

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint.model_validate_json(self.content)

    @property
    def digest_of_content(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()
