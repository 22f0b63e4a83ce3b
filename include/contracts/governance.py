"""Roles, privacy levels and exports."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record

Role = Literal["viewer", "engineer", "operator", "approver", "auditor", "admin"]
"""``engineer`` runs what learns and checks, ``operator`` what serves and leaves, ``approver`` decides what others asked
for, ``auditor`` reads who did what; none of these four does another's work. ``admin`` does everything."""


Level = Literal["none", "public", "internal", "personal"]
"""How far a role may read: columns of this privacy class and below."""
LEVELS: tuple[Level, ...] = get_args(Level)


NO_PERSON = (
    "manual",
    "scheduled",
    "backfill",
    "asset_triggered",
    "asset_materialization",
    "operator_triggered",
    "nobody",
    "anonymous",
)
"""What records say in place of a login: how a run started, or that nobody is known."""
LOGIN = re.compile(r"[\w.@+-]{1,100}")
"""The name of a person. Airflow separates logins and roles by other characters."""


def login_faults(logins: Sequence[str]) -> Iterator[str]:
    """What is wrong with logins that may be taken for another, and so could approve what that one asked for."""
    seen: dict[str, str] = {}
    for login in logins:
        alike = seen.setdefault(unicodedata.normalize("NFKC", login).casefold(), login)
        if not LOGIN.fullmatch(login):
            yield f"{login!r} is no login: write it in 1 to 100 letters, digits and . _ - @ +"
        if logins.count(login) > 1:
            yield f"{login!r} is there twice, with two roles; name it once"
        elif alike != login:
            yield f"{login!r} and {alike!r} differ by the case or width of letters at most; rename one"
        if login in NO_PERSON:
            yield f"{login!r} is what records say where no person is known; choose another name"


ExperimentRight = Literal["none", "read", "admin"]
"""What a login may do in MLflow."""


def experiment_right(role: Role, level: Level) -> ExperimentRight:
    """MLflow shows internal values: it is read by roles that read up to this class, and changed by admins only."""
    if LEVELS.index(level) < LEVELS.index("internal"):
        return "none"
    return "admin" if role == "admin" else "read"


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
        """Its path within the export."""
        return f"{self.period}/{self.table}.parquet"


class ExportManifest(Record):
    """What left, for whom, why and who approved it; ``fingerprint`` is of the recipient's public key."""

    usecase: str
    name: str
    kind: Literal["hand_over", "export"]
    recipient: str
    fingerprint: str
    periods: list[Period]
    reason: str
    requested_by: str
    approved_by: str
    created_at: Moment
    files: list[ExportedFile] = []

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


class RecordedExport(Record):
    """Every export and hand-over: what left, for whom, and who approved it."""

    period: Period
    name: str = Field(description="name of the export in the exchange directory")
    kind: Literal["hand_over", "export"] = Field(description="hand_over: to dev; export: to a person")
    recipient: str = Field(description="recipient, whose key opens it")
    requested_by: str = Field(description="login that asked for it")
    approved_by: str = Field(description="login that approved it")
    created_at: Moment = Field(description="when it was written, UTC")
    rows: int = Field(description="rows of all its files")
    sha256: str = Field(description="hash of the manifest")
    record: ExportManifest = Field(description="the manifest with its files, JSON")


class PrivacyFinding(Record):
    """Every search for personal values in clear, one row per finding."""

    period: Period
    audited_at: Moment = Field(description="time of the search, UTC")
    place: str = Field(description="place of the finding; empty if there is none")
    column: str = Field(description="personal column whose values were found")
    values: int = Field(description="how many different values were found")


class PrivacyChange(Record):
    """Every deletion of a subject and every key rotation, one row per changed place."""

    period: Period
    done_at: Moment = Field(description="when it was done, UTC")
    kind: Literal["erasure", "rotation"] = Field(description="what was done")
    facts: dict[str, str] = Field(description="circumstances, JSON")
    place: str = Field(description="place that was changed; empty if there is none")
    before: int = Field(description="affected rows before")
    after: int = Field(description="affected rows after")
