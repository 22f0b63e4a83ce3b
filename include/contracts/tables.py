"""Tables of the lake, their versions, and the snapshots that pin them."""

from include.contracts.period import Period
from include.contracts.record import Record


class TableRef(Record):
    """One version of one Delta table; ``content_hash`` covers the rows of ``period``."""

    table: str
    version: int
    rows: int
    content_hash: str


class TableCommit(Record):
    """One version of a table: when it was made and, where the writer said so, which period and content."""

    version: int
    at: str
    operation: str
    period: Period | None = None
    content_hash: str | None = None


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
