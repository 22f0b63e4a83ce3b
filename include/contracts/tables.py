"""Tables of the lake, their versions, and the snapshots that pin them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record

PERIOD = "period"
"""Column of every table of the lake: the period that a row is of."""
PART = "part"
"""What files of the lake lie under: a period while it is fresh, the month that it begins in once files are merged."""


class FileRows(NamedTuple):
    """Rows of the lake: those of these periods in a Parquet file, or all of the file (None)."""

    file: str
    periods: tuple[Period, ...] | None = None


class TableRef(Record):
    """One version of one Delta table; ``content_hash`` covers the rows of ``period``."""

    table: str
    version: int
    rows: int
    content_hash: str


class TableCommit(Record):
    """One version of a table: when it was made and, where the writer said so, which period and content."""

    version: int
    at: Moment
    operation: str
    period: Period | None = None
    content_hash: str | None = None


class TableHead(Record):
    """The newest commit of a table, and the SHA-256 of its entry in the table's log."""

    version: int
    at: Moment
    sha256: str


class TableState(Record):
    """What the lake knows of a table without reading its rows; ``files`` are the Parquet files of ``version``."""

    table: str
    version: int
    columns: dict[str, str]
    rows: dict[Period, int]
    files: list[str]
    commits: list[TableCommit]


class SnapshotRef(Record):
    """A published period: the immutable, named set of table versions."""

    usecase: str
    period: Period
    name: str
    tables: dict[str, TableRef]
    rewrites: list[str] = []
    """Erasures and key rotations since it was published: its rows are no longer what its name was made of."""


class ManifestIndex(Record):
    """The manifests of the snapshots of one month: place → the stamp that it had, and its text."""

    entries: dict[str, tuple[str, str]]


class RowFilter(Record):
    """Which rows of a table, which of their columns, and in which order; every condition holds.

    ``equal`` maps columns to a value, or to a list of values of which it is one; ``at_least`` to the smallest value,
    ``below`` to what every value is less than.
    Rows come by ``order``, equal ones as they were written; ``newest`` leaves the last of them, so many.
    None means no condition; no ``columns`` are all. ``known``: of columns and order, what the table lacks is left out.
    """

    periods: Sequence[Period] | None = None
    equal: Mapping[str, Any] = {}
    at_least: Mapping[str, Any] = {}
    below: Mapping[str, Any] = {}
    order: Sequence[str] = ()
    newest: int | None = Field(default=None, ge=0)
    columns: Sequence[str] | None = None
    known: bool = False

    def within(self, names: Sequence[str]) -> Self:
        """This filter for a table with the columns ``names``."""
        if not self.known:
            return self
        columns, order = ([name for name in these if name in names] for these in (self.columns or names, self.order))
        return self.model_copy(update={"columns": columns, "order": order})


EVERY_ROW = RowFilter()


class CollectedDay(Record):
    """Rows collected from a source by day, to notice late rows."""

    period: Period
    source: str = Field(description="source")
    day: str = Field(description="local day")
    rows: int = Field(description="rows of the day")
    hash: str = Field(description="hash of the day's rows, which ignores their order")


class VersionOperation(Record):
    """Every operation on versions: restore, pin, expire, rebuild and others."""

    period: Period
    operation: str = Field(description="what was done")
    subject: str = Field(description="snapshot or model that was changed")
    at: Moment = Field(description="when, UTC")
    by: str = Field(description="login that asked for it")
    why: str = Field(description="reason")
    result: dict[str, Any] = Field(description="result, JSON")
