"""Roles, privacy levels and exports."""

from typing import Annotated, Literal

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Record

Role = Literal["viewer", "user", "op", "admin"]
"""Airflow's roles, from the one that may do least."""


Level = Literal["none", "public", "internal", "personal"]
"""How far a role may read: columns of this privacy class and below."""


class ExportedFile(Record):
    """One encrypted Parquet file of an export; ``sha256`` is of the encrypted bytes."""

    table: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    period: Period
    rows: int
    columns: list[str]
    bytes: int
    sha256: str

    @property
    def path(self) -> str:
        """Where it lies within the export."""
        return f"{self.period}/{self.table}.parquet"


class ExportManifest(Record):
    """What left, for whom, why and on whose word; ``fingerprint`` is of the recipient's public key."""

    usecase: str
    name: str
    kind: Literal["hand_over", "export"]
    recipient: str
    fingerprint: str
    periods: list[Period]
    reason: str
    requested_by: str
    approved_by: str
    created_at: str
    files: list[ExportedFile] = []

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)
