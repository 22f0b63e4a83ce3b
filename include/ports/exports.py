"""Exports: rows that leave, encrypted for one recipient."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from include.contracts.governance import ExportManifest
from include.contracts.period import Period


@dataclass(frozen=True)
class ExportTable:
    """Rows to export, in batches of one schema."""

    table: str
    period: Period
    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]


class ExportStore(Protocol):
    """The exports of one exchange, and the public keys of its recipients."""

    def recipient_key(self, name: str) -> str:
        """The published public key; raises NotFoundError with those that there are."""

    def fingerprint(self, key: str) -> str:
        """What people compare of a public key."""

    def names(self, usecase: str) -> list[str]: ...

    def manifest(self, usecase: str, name: str) -> ExportManifest:
        """What an export says of itself; raises NotFoundError, ExportFileError. Proved only by ``unpack``."""

    def verify(self, usecase: str, name: str, digest: str | None) -> None:
        """Prove its files by its manifest, and that by the digest that was recorded of it, if one was.

        Raises NotFoundError, ExportFileError.
        """

    def write(self, manifest: ExportManifest, key: str, tables: Iterable[ExportTable]) -> ExportManifest:
        """Encrypt the tables for the public ``key``, complete or not at all; returns the manifest with its files.

        An export of this name that is there already is left as it is and returned.
        """

    def unpack(self, usecase: str, name: str, private: str, directory: Path) -> ExportManifest:
        """Check every file and decrypt it to ``<directory>/<period>/<table>.parquet``; returns the manifest.

        Raises NotFoundError, or ExportFileError when it is for another key, or was truncated or altered.
        """
