"""The end of a release: what was proposed and decided, what was kept of it, and the proof that it was deleted."""

from typing import Any, Literal

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record


class ArchivedFile(Record):
    """One file of an archive."""

    path: str
    bytes: int
    sha256: str


class Archive(Record):
    """What is kept of a retired release, in one file, until ``keep_until``; ``sha256`` is of that file."""

    usecase: str
    release: str
    model_version: int
    model_hash: str
    retired_at: Moment
    keep_until: Moment
    files: list[ArchivedFile]
    sha256: str = ""


class DeletedFile(Record):
    """A file that was deleted, with the hash that it had, and whether a look afterwards found it gone."""

    path: str
    bytes: int
    sha256: str
    absent: bool


class RetiredRelease(Record):
    """What stands in the place of a retired release."""

    name: str
    model_version: int
    at: Moment
    by: str
    reason: str


RetirementEvent = Literal["proposed", "retired", "service_ended", "deleted"]


class RecordedRetirement(Record):
    """Every step to the end of a release: proposal, retirement, end of the service, deletion of its archive."""

    period: Period
    at: Moment = Field(description="when, UTC")
    event: RetirementEvent = Field(description="proposed, retired, service_ended or deleted")
    release: str = Field(description="the release")
    model_version: int = Field(description="its model version")
    by: str = Field(description="login, or what started the run")
    reason: str = Field(description="why: what the criteria found, and what the person wrote")
    run: str = Field(description="run of the retirement")
    facts: dict[str, Any] = Field({}, description="evidence, approval, archive or proof of deletion, JSON")
