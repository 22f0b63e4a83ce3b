"""The lake: versioned tables by period."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from include.contracts.period import Period
from include.contracts.tables import FileRows, RowFilter, TableHead, TableRef, TableState


class Lake(Protocol):
    """Versioned tables whose rows are of periods; a commit is all or nothing.

    How rows lie in files is the lake's own matter: a file may hold several periods, so rows are given as ``FileRows``.
    """

    def publish(self, usecase: str, table: str, rows: pa.Table | Path, period: Period) -> TableRef:
        """Replace the rows of one period, given as a table or a Parquet file, in one commit.

        The same rows again, in whatever order: same content hash, nothing written.
        """

    def publish_all(self, usecase: str, table: str, rows: Mapping[Period, pa.Table | Path]) -> dict[Period, TableRef]:
        """The same of several periods, in one commit."""

    def append(self, usecase: str, table: str, rows: pa.Table) -> None:
        """Add rows (they carry their own ``period`` column)."""

    def delete(self, usecase: str, table: str, predicate: str) -> int:
        """Delete the rows that meet an SQL predicate, as a new version; returns their number."""

    def compact(self, usecase: str, table: str) -> int:
        """Make one file of those of a month, where there are many; returns how many there are less. No row changes."""

    def vacuum(self, usecase: str, table: str, spare: timedelta = timedelta()) -> int:
        """Delete the files that the newest version has not needed for so long; returns their number."""

    def prune(
        self, usecase: str, table: str, keep: Iterable[tuple[Period, TableRef]], spare: timedelta = timedelta()
    ) -> int:
        """Delete the files that neither the newest version, for so long, nor what is kept needs; returns their number.

        Nobody may write to the table meanwhile.
        """

    def exists(self, usecase: str, table: str) -> bool: ...

    def stamp(self, usecase: str, table: str) -> str:
        """A text that is another one after each commit, told without opening the table.

        "" where the last commit is so young that another one might have the same text.
        """

    def changed_at(self, usecase: str, table: str) -> datetime | None:
        """When the table was last written, without reading it; None without the table."""

    def tables(self, usecase: str) -> list[str]:
        """Names of the tables that there are, sorted."""

    def schema(self, usecase: str, table: str, version: int | None = None) -> pa.Schema: ...

    def files(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> list[FileRows]:
        """The rows of these periods (None: of all), at a version (None: the newest), in files for DuckDB to read."""

    def pinned(
        self, usecase: str, table: str, refs: Mapping[Period, TableRef], *, again: bool = False
    ) -> list[FileRows]:
        """The rows that snapshots pin of these periods; raises DamagedFileError unless the files hold exactly them.

        ``again``: whatever this process proved before, and what the disk holds.
        """

    def read_pinned(
        self, usecase: str, table: str, refs: Mapping[Period, TableRef], wanted: RowFilter = ...
    ) -> pa.Table:
        """The same, read, with their period; in order of the periods' files."""

    def stored(self, usecase: str, table: str, keep: Iterable[tuple[Period, TableRef]] = ()) -> list[str]:
        """Every file that the newest version or what is kept needs."""

    def read(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> pa.Table:
        """Rows of the table, all periods or those named.

        Raises NotFoundError without the table, DamagedFileError for a file that is not what was written.
        """

    def select(self, usecase: str, table: str, wanted: RowFilter) -> pa.Table:
        """Rows of the newest version that meet a filter; little else is read. Raises NotFoundError."""

    def batches(
        self, usecase: str, table: str, wanted: RowFilter, version: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Rows that meet a filter, as they were written, some at a time, in memory that does not grow with them.

        Raises DataError for a filter that orders them; other errors as ``read``.
        """

    def periods(self, usecase: str, table: str) -> list[Period]:
        """Periods that the table has rows for, sorted; [] without the table."""

    def version(self, usecase: str, table: str) -> int: ...

    def head(self, usecase: str, table: str) -> TableHead | None:
        """The newest commit, told by its entry of the log alone; None without the table, or while the entry is bad."""

    def describe(self, usecase: str, table: str) -> TableState:
        """Columns, rows per period, files and commits, without reading a row. Raises NotFoundError."""
