"""What the quality gates need: engines that check and change files of rows."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

from include.contracts.period import Period
from include.contracts.quality import Check, CheckOutcome, GateResult

RowNames = Mapping[str, Collection[str]]
"""Names of rows, by table."""


class CheckEngine(Protocol):
    """Evaluates expectations on one Parquet file; they name columns that are there, of a kind that fits."""

    def outcomes(self, file: Path, checks: Sequence[Check]) -> list[CheckOutcome]:
        """One outcome per check, in their order; one that crashed is ``broken``."""


class RowScan(CheckEngine, Protocol):
    """Evaluates expectations in bounded memory and can tell rows by name (content hash and number of the copy)."""

    def unknown(self, file: Path, checks: Sequence[Check]) -> list[Check]:
        """The checks that this engine cannot evaluate."""

    def outcomes(
        self, file: Path, checks: Sequence[Check], accepted: Collection[str] = frozenset()
    ) -> list[CheckOutcome]:
        """``accepted``: names of rows that no check of rows counts."""

    def failing(self, file: Path, checks: Sequence[Check], accepted: Collection[str], limit: int) -> pa.Table:
        """Rows that break one of the checks: ``row`` (its name), ``reasons``, ``content`` (JSON); at most ``limit``."""

    def remove(self, file: Path, rows: Collection[str]) -> int:
        """Take rows out of the file, in one step; returns how many were there."""


class Validator(Protocol):
    """Runs the expectation suites of one gate on Parquet files."""

    def validate(
        self,
        usecase: str,
        gate: Literal["raw", "features"],
        period: Period,
        tables: Mapping[str, Path],
        parameters: Mapping[str, Any],
        accepted: RowNames | None = None,
        treatments: Mapping[str, str] | None = None,
    ) -> GateResult:
        """Check every table against its suite; ``accepted`` are released rows, ``treatments`` those of columns."""

    def failing(
        self, result: GateResult, tables: Mapping[str, Path], parameters: Mapping[str, Any], accepted: RowNames
    ) -> dict[str, pa.Table]:
        """Per table, the rows that broke the blocking checks of the result (columns row, reasons, content)."""

    def remove(self, file: Path, rows: Collection[str]) -> int:
        """Take dropped rows out of a file; returns how many were there."""
