"""The outside systems that raw tables come from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from include.contracts.calendar import Window
from include.specification.data import Source
from include.specification.usecase import UseCase

Batch: TypeAlias = "pa.RecordBatch | Mapping[str, Sequence[Any]]"
"""Rows as a connector gives them: a record batch, or columns of Python values."""

Treat = Callable[[str, pa.RecordBatch], pa.RecordBatch]
"""What is done to each batch of a raw table before anything is written."""


class SourceConnector(Protocol):
    """Reads one raw table of an outside system, a bounded number of rows at a time."""

    def read(self, source: Source, window: Window | None) -> Iterator[Batch]:
        """All rows whose ``source.time`` is in the window, asked for there; it may give more rows, never fewer.

        Raises SourceError for what is wrong with the data, ServiceError when a retry may help.
        """


class Connect(Protocol):
    def __call__(self, spec: UseCase, table: str, delivered: Path | None) -> SourceConnector:
        """The connector of a raw table, or of the file that was delivered in its place."""
