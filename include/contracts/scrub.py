"""What a scrub read of the stored files, and what it found damaged."""

from typing import Literal

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record

Kind = Literal["lake", "datasets", "releases", "models", "exports", "edge_bundles"]


class Scrubbed(Record):
    """Every scrub, one row per kind of file: how many were read back and proved, and which were damaged."""

    usecase: str = Field(description="use case")
    period: Period
    at: Moment = Field(description="when the scrub began, UTC")
    kind: Kind
    """What the files belong to."""
    files: int = Field(description="files (for models and exports: artifacts and exports) that were read")
    damaged: list[str] = Field(default=[], description="what is damaged and what to do about it, JSON")
