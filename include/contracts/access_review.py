"""The access review: who may do what, last used when, and what looks wrong."""

from typing import Literal

from pydantic import Field

from include.contracts.record import Moment, Record

Kind = Literal["login", "gateway client", "MLflow login", "recipient"]


class ReviewedAccess(Record):
    """One way in, of a person or a program. ``used_at`` is None when no use is known."""

    kind: Kind
    name: str
    role: str = Field(description="role of a login or recipient, rights of a client, level in MLflow")
    may: str = Field(description="what it may do, in words")
    owner: str = Field("", description="login that answers for it")
    used_at: Moment | None = None
    findings: list[str] = Field([], description="what looks wrong, each with what to do")


class AccessReview(Record):
    """The state of all access at one time; ``since`` is the earliest use that the platform knows of."""

    at: Moment
    environment: str
    since: Moment | None
    entries: list[ReviewedAccess]

    @property
    def findings(self) -> int:
        return sum(len(entry.findings) for entry in self.entries)
