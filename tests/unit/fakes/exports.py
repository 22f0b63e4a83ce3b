"""The exchange in memory: public keys, and exports that only the right private key opens."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.governance import ExportedFile, ExportManifest
from include.errors import ExportFileError, NotFoundError
from include.ports.exports import ExportTable


class MemoryExports:
    """The private key ``private of X`` opens what was written for the public key ``public of X``."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.written: dict[str, tuple[str, ExportManifest, dict[str, pa.Table]]] = {}

    def recipient_key(self, name: str) -> str:
        if name not in self.keys:
            raise NotFoundError(f"the recipient {name!r} has no public key (there are {sorted(self.keys)})")
        return self.keys[name]

    def fingerprint(self, key: str) -> str:
        return f"mark of {key}"

    def names(self, usecase: str) -> list[str]:
        return sorted(name for name, (_, manifest, _) in self.written.items() if manifest.usecase == usecase)

    def manifest(self, usecase: str, name: str) -> ExportManifest:
        if name not in self.written:
            raise NotFoundError(f"{name} is no export; there are {self.names(usecase)}")
        return self.written[name][1]

    def verify(self, usecase: str, name: str, digest: str | None) -> None:
        if digest not in (None, self.manifest(usecase, name).digest):
            raise ExportFileError(f"{name} was altered")

    def write(self, manifest: ExportManifest, key: str, tables: Iterable[ExportTable]) -> ExportManifest:
        if manifest.name not in self.written:
            content = {(t.table, t.period): pa.Table.from_batches(t.batches, t.schema) for t in tables}
            files = [
                ExportedFile(
                    table=table, period=period, rows=rows.num_rows, columns=rows.column_names, bytes=1, sha256="0"
                )
                for (table, period), rows in content.items()
            ]
            whole = manifest.model_copy(update={"files": files})
            paths = {file.path: rows for file, rows in zip(files, content.values(), strict=True)}
            self.written[manifest.name] = (key, whole, paths)
        return self.written[manifest.name][1]

    def unpack(self, usecase: str, name: str, private: str, directory: Path) -> ExportManifest:
        manifest = self.manifest(usecase, name)
        key, _, content = self.written[name]
        if private.replace("private", "public") != key:
            raise ExportFileError(f"{name} is for another key")
        for path, rows in content.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, directory / path)
        return manifest
