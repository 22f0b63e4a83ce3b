"""The implementation checklist of ISO/IEC 23053: evidence per item, what people assess, and both over time."""

from datetime import date
from typing import Literal

from pydantic import Field

from include.contracts.record import Moment, Record

Derived = Literal["proved", "partly", "no evidence"]
"""What the evidence says of an item: all of its points have some, some of them have, or none has."""
Judged = Literal["done", "in progress", "planned", "not done", "not applicable"]
"""What a person says of an item."""
EvidenceKind = Literal["run", "test", "figure", "document"]


class Evidence(Record):
    """Something that shows that a point is there: a run that left records, a test, a figure, or a document.

    ``usecase`` and ``family`` name the DAG that made it; ``page`` is where to look at it, below the pages.
    ``sha256`` is of its content, empty for what has no content that stays, such as a figure of a server.
    """

    kind: EvidenceKind
    where: str = Field(description="what it is, such as a record table or a file of a release")
    at: Moment
    usecase: str = ""
    family: str = ""
    page: str = ""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")


class Point(Record):
    """One thing that an item consists of, with its evidence, newest first.

    ``ways`` are the DAG families that leave such evidence, ``needs`` is what has to be set in a spec or the settings.
    With neither, the platform has nothing for the point.
    """

    key: str
    evidence: list[Evidence] = []
    ways: list[str] = []
    needs: str = ""


class ItemState(Record):
    """An item by its number, with the evidence of each of its points."""

    number: int
    points: list[Point]

    @property
    def proved(self) -> int:
        """How many points have evidence."""
        return sum(bool(point.evidence) for point in self.points)

    @property
    def state(self) -> Derived:
        if not self.proved:
            return "no evidence"
        return "proved" if self.proved == len(self.points) else "partly"

    @property
    def newest(self) -> Evidence | None:
        every = [one for point in self.points for one in point.evidence]
        return max(every, key=lambda one: one.at, default=None)


class Assessment(Record):
    """What a person says of an item. It stands beside what the evidence says, and never instead of it."""

    state: Judged
    note: str = Field("", max_length=2000)
    plan: str = Field("", max_length=2000)
    due: date | None = None


class Assessed(Record):
    """An assessment with who gave it and when; ``entry`` is the number of the entry that it came with."""

    by: str
    at: Moment
    entry: int
    before: int = Field(0, description="number of the entry that assessed the item before; 0: none")
    assessment: Assessment


class AssessmentEntry(Record):
    """One saving of assessments. Entries are numbered and chained, and none is changed afterwards.

    ``items`` are those that were assessed with it; ``standing`` is every item's newest assessment after it, so the
    newest entry says all. ``previous`` is the digest of the entry before.
    """

    number: int = Field(ge=1)
    previous: str
    at: Moment
    by: str
    way: Literal["page", "import"]
    items: list[int] = Field(min_length=1)
    standing: dict[int, Assessed]


class ChecklistDay(Record):
    """The states of the items on one day: what the evidence said, and what people said."""

    day: date
    derived: dict[int, Derived]
    judged: dict[int, Judged] = {}


class ChecklistMonth(Record):
    """The recorded days of a month, oldest first."""

    days: list[ChecklistDay] = []
