"""Raw tables from files: CSV, JSON lines, Parquet; plain, .gz or .zip; local, in a package or on an object store.

Fulfils ports.SourceConnector. Parquet is asked for the window by its own statistics; text formats are
streamed block by block. ``{period}`` in a path is each period of the window, so only its files are opened.
"""

import gzip
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from include.adapters.file_source import formats
from include.adapters.file_source.faults import is_there, readable
from include.adapters.file_source.formats import FileFaultError
from include.contracts.calendar import Window
from include.errors import SourceError
from include.formats.json_rows import JsonRows
from include.specification.connectors import FileOptions as Options
from include.specification.data import Source

PERIOD = "{period}"
FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
ENCRYPTED = 0x1
"""The flag of a file in a .zip."""


class FileSource:
    """Reads the files of one raw table. ``resolve`` puts ``${NAME}`` of path and storage options in clear."""

    def __init__(self, options: Options, resolve: Callable[[str], str]) -> None:
        self._options, self._resolve = options, resolve

    def read(self, source: Source, window: Window | None) -> Iterator[Any]:
        """Every row of the files (of Parquet, those of the row groups that touch the window).

        Raises
        ------
        SourceError
            a file is not there, is of no known format or corrupt, or a driver is not installed.
        ServiceError
            the object store did not answer.
        """
        fields = JsonRows(list(source.columns), source.never_empty)
        for path in self._paths(window):
            system, root = self._system(path)
            for file in self._files(system, root, path):
                kind = self._format(file)
                with readable(system, file, self._options.path, kind):
                    yield from self._rows(system, file, kind, source, window, fields)
        yield from fields.end()

    def _paths(self, window: Window | None) -> list[str]:
        path = self._resolve(self._options.path)
        if self._options.package:
            return [_packaged(self._options.package, path)]
        if PERIOD not in path:
            return [path]
        if window is None:
            raise SourceError(f"{self._options.path}: {PERIOD} needs the name of the time column: set 'time'")
        return [path.replace(PERIOD, key) for key in window.periods]

    def _system(self, path: str) -> tuple[Any, str]:
        storage = {k: self._resolve(v) if isinstance(v, str) else v for k, v in self._options.storage.items()}
        try:
            return url_to_fs(path, **storage)
        except ImportError as error:
            raise SourceError(f"{self._options.path}: {_missing_driver(path, error)}") from None
        except ValueError:
            known = ", ".join(sorted(fsspec.available_protocols()))
            raise SourceError(f"{self._options.path}: no such protocol; there are: {known}") from None

    def _files(self, system: Any, root: str, path: str) -> list[str]:
        """The files that a path stands for, sorted; a period without files has no rows."""
        with readable(system, path, self._options.path, "csv"):
            glob = any(c in root for c in "*?[") and not system.exists(root)
            matches = sorted(system.glob(root)) if glob else [root]
            if PERIOD in self._options.path:
                return [file for file in matches if is_there(system, file)]
        if not matches:
            raise SourceError(f"{self._options.path}: no file matches; deliver a file, or correct 'path'")
        return matches

    def _format(self, file: str) -> str:
        ending = re.sub(r"\.(gz|zip)$", "", _ending(file))
        named = [kind for end, kind in FORMATS.items() if ending.endswith(end)]
        kind = self._options.format or (named[0] if named else None)
        if kind is None:
            raise SourceError(
                f"{self._options.path}: its ending is none of {sorted(FORMATS)}, alone or before .gz or .zip: say "
                "'format' csv, jsonl or parquet, and deliver the file without any other compression"
            )
        return kind

    def _rows(
        self, system: Any, file: str, kind: str, source: Source, window: Window | None, fields: JsonRows
    ) -> Iterator[Any]:
        if kind == "parquet":
            yield from formats.parquet(system, file, source, window)
            return
        with system.open(file, "rb") as raw, _plain(file, raw) as stream:
            if kind == "csv":
                delimiter = self._options.delimiter or ("\t" if ".tsv" in _ending(file) else ",")
                yield from formats.csv(stream, source, delimiter, self._options.null_values)
            else:
                yield from formats.json_lines(stream, fields)


def _ending(file: str) -> str:
    """The last part of a path or address, in small letters."""
    return file.split("?", maxsplit=1)[0].rsplit("/", 1)[-1].lower()


@contextmanager
def _plain(file: str, raw: Any) -> Iterator[Any]:
    """The bytes of a file without its compression."""
    if _ending(file).endswith(".gz"):
        with gzip.open(raw, "rb") as stream:
            yield stream
    elif _ending(file).endswith(".zip"):
        with zipfile.ZipFile(raw) as archive, _member(archive) as stream:
            yield stream
    else:
        yield raw


def _member(archive: zipfile.ZipFile) -> Any:
    """The only file of an archive, opened; macOS adds files of its own."""
    members = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise FileFaultError(f"it holds {len(members)} files; deliver one file in a .zip")
    if members[0].flag_bits & ENCRYPTED:
        raise FileFaultError("the file in it is encrypted; deliver it without a password")
    try:
        return archive.open(members[0])
    except NotImplementedError:
        raise FileFaultError("it is compressed in a way that cannot be read; deliver it with deflate") from None


def _packaged(package: str, path: str) -> str:
    # a package's own __init__ is not run: only its data files are used
    try:
        return str(distribution(package).locate_file(path))
    except PackageNotFoundError:
        raise SourceError(f"{path}: the package {package!r} is not installed: pip install {package}") from None


def _missing_driver(path: str, error: ImportError) -> str:
    protocol = path.split("://", 1)[0]
    driver = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}.get(protocol)
    return f"the driver of {protocol}:// is not there: install {driver}" if driver else str(error)
