"""The lake: versioned tables by period."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from include.contracts.period import Period
from include.contracts.tables import RowFilter, TableRef, TableState


class Lake(Protocol):
    """Versioned tables, partitioned by ``period``; a commit is all or nothing."""

    def publish(self, usecase: str, table: str, rows: pa.Table | Path, period: Period) -> TableRef:
        """Replace the rows of one period, given as a table or a Parquet file, in one commit.

        The same rows again, in whatever order: same content hash, nothing written.
        """

    def append(self, usecase: str, table: str, rows: pa.Table) -> None:
        """Add rows (they carry their own ``period`` column)."""

    def delete(self, usecase: str, table: str, predicate: str) -> int:
        """Delete the rows that meet an SQL predicate, as a new version; returns their number."""

    def vacuum(self, usecase: str, table: str) -> int:
        """Delete the files that the newest version does not need; returns their number."""

    def prune(self, usecase: str, table: str, keep: Iterable[tuple[int, Period]]) -> int:
        """Delete the files that neither the newest version nor a kept (version, period) needs; returns their number."""

    def exists(self, usecase: str, table: str) -> bool: ...

    def tables(self, usecase: str) -> list[str]:
        """Names of the tables that there are, sorted."""

    def schema(self, usecase: str, table: str, version: int | None = None) -> pa.Schema: ...

    def files(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> list[str]:
        """Parquet files of these periods (None: of all), at a version (None: the newest), for DuckDB to read."""

    def pinned(self, usecase: str, period: Period, ref: TableRef, *, again: bool = False) -> list[str]:
        """The files of what a snapshot pins; raises DamagedFileError unless they hold exactly its rows.

        ``again``: whatever this process proved before, and what the disk holds.
        """

    def stored(self, usecase: str, table: str, keep: Iterable[tuple[int, Period]] = ()) -> list[str]:
        """Every file that the newest version or a kept (version, period) names; none is read."""

    def read(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> pa.Table:
        """Rows of the table, all periods or those named.

        Raises NotFoundError without the table, DamagedFileError for a file that is not what was written.
        """

    def select(self, usecase: str, table: str, wanted: RowFilter) -> pa.Table:
        """Rows of the newest version that meet a filter; little else is read. Raises NotFoundError."""

    def periods(self, usecase: str, table: str) -> list[Period]:
        """Periods that the table has rows for, sorted; [] without the table."""

    def version(self, usecase: str, table: str) -> int: ...

    def describe(self, usecase: str, table: str) -> TableState:
        """Columns, rows per period, files and commits, without reading a row. Raises NotFoundError."""
