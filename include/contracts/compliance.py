"""The evidence bundle of a release: what a law asks, what is evidenced, and what is missing."""

from datetime import date
from typing import Literal, Self

from pydantic import Field

from include.contracts.record import Moment, Record

EvidenceKind = Literal["document", "record", "release", "audit", "author", "specification", "code"]
"""``author``: a file that the authors of the use case wrote. ``specification`` and ``code`` have no date of their own:
the bundle holds them as they were when it was made."""
UNDATED: tuple[EvidenceKind, ...] = ("specification", "code")
State = Literal["evidenced", "partly", "missing", "not applicable"]


class Evidence(Record):
    """Something that can be looked at: what it is, where it lies, of when, and the SHA-256 of its content.

    ``copied`` is the file of the bundle with the same bytes, '' where only the hash is in it.
    """

    what: str
    kind: EvidenceKind
    where: str
    at: Moment | None
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    copied: str = ""


class Gap(Record):
    """What is missing: why, and how it is given."""

    because: str
    give: str


class Table(Record):
    """Values in rows; each row has a cell for each word of ``head``."""

    caption: str
    head: list[str]
    rows: list[list[str]]


class Item(Record):
    """One thing that a law asks: what is said of it, the evidence, and what is missing."""

    key: str
    reference: str
    title: str
    state: State
    says: list[str] = []
    tables: list[Table] = []
    evidence: list[Evidence] = []
    gaps: list[Gap] = []


class Section(Record):
    key: str
    title: str
    items: list[Item]


class LawDate(Record):
    day: date
    what: str


class Chapter(Record):
    """One law: where its text is, which dates apply, when that was checked, and what the check left open."""

    key: str
    title: str
    source: str
    checked_on: date
    checked_against: str
    dates: list[LawDate]
    open: list[str]
    sections: list[Section]


class Bundle(Record):
    """The evidence bundle of one release. ``content`` is the digest of everything but the time."""

    usecase: str
    title: str
    environment: str
    release: str
    model_version: int
    made_at: Moment
    notice: str
    chapters: list[Chapter]
    content: str = ""

    @property
    def items(self) -> list[Item]:
        return [item for chapter in self.chapters for section in chapter.sections for item in section.items]

    @property
    def counts(self) -> dict[str, int]:
        """Items by state."""
        states = [item.state for item in self.items]
        return {state: states.count(state) for state in ("evidenced", "partly", "missing", "not applicable")}

    def sealed(self) -> Self:
        """The same with the digest of its content."""
        return self.model_copy(update={"content": self.digest_without("made_at", "content")})


class BundleFile(Record):
    sha256: str
    bytes: int


class BundleManifest(Record):
    """The files of a bundle; ``signature`` is of this record's content without it, by the key ``key``."""

    usecase: str
    release: str
    made_at: Moment
    content: str
    files: dict[str, BundleFile]
    signature: str = ""
    key: str = ""

    @property
    def signed(self) -> str:
        """What is signed: SHA-256 of everything but the signature."""
        return self.digest_without("signature", "key")
