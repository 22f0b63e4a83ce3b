"""Raw tables from files: CSV, JSON lines, Parquet; plain, .gz or .zip; local, in a package or on an object store.

Fulfils ports.SourceConnector. Parquet is asked for the window by its own statistics; text formats are
streamed block by block. ``{period}`` in a path is each month of the window, so only its files are opened.
"""

import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from itertools import islice
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from include.contracts.period import Window
from include.errors import ServiceError, SourceError
from include.specification.connectors import FileOptions as Options
from include.specification.data import Source

BLOCK_BYTES = 4 << 20
BATCH_ROWS = 50_000
PERIOD = "{period}"
FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
WORDS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}
UNREADABLE = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, pa.ArrowException, NotImplementedError)
# parsers quote the offending row: only these words of theirs hold no value
HARMLESS = re.compile(r"Row #\d+|Expected \d+ columns, got \d+|Empty CSV file|[Ii]nvalid UTF8|column \d+|line \d+")


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
        for path in self._paths(window):
            system, root = self._system(path)
            for file in self._files(system, root, path):
                with _readable(system, file, self._options.path, self._format(file)):
                    yield from self._rows(system, file, source, window)

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
        """The files that a path stands for, sorted; a month without files has no rows."""
        with _readable(system, path, self._options.path, "csv"):
            matches = sorted(system.glob(root)) if any(c in root for c in "*?[") else [root]
            if PERIOD in self._options.path:
                return [file for file in matches if system.exists(file)]
        if not matches:
            raise SourceError(f"{self._options.path}: no file matches; deliver a file, or correct 'path'")
        return matches

    def _format(self, file: str) -> str:
        bare = re.sub(r"\.(gz|zip)$", "", file.split("?", maxsplit=1)[0])
        named = [kind for end, kind in FORMATS.items() if bare.endswith(end)]
        kind = self._options.format or (named[0] if named else None)
        if kind is None:
            raise SourceError(f"{file}: its ending is none of {sorted(FORMATS)}: say 'format' csv, jsonl or parquet")
        return kind

    def _rows(self, system: Any, file: str, source: Source, window: Window | None) -> Iterator[Any]:
        if self._format(file) == "parquet":
            yield from _parquet(system, file, source, window)
            return
        with system.open(file, "rb") as raw, _plain(file, raw) as stream:
            yield from self._csv(stream) if self._format(file) == "csv" else _json_lines(stream)

    def _csv(self, stream: Any) -> Iterator[pa.RecordBatch]:
        convert = pcsv.ConvertOptions(
            default_column_type=pa.string(),  # the contract decides the types, not the first block of the file
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=self._options.null_values,
        )
        parse = pcsv.ParseOptions(delimiter=self._options.delimiter, newlines_in_values=True)
        read = pcsv.ReadOptions(block_size=BLOCK_BYTES)
        with pcsv.open_csv(pa.PythonFile(stream, "r"), read, parse, convert) as reader:
            yield from reader


def _parquet(system: Any, file: str, source: Source, window: Window | None) -> Iterator[pa.RecordBatch]:
    """Row group after row group: a scan that reads ahead keeps more in memory the slower its rows are taken."""
    with system.open(file, "rb") as stream, pq.ParquetFile(stream) as parquet:
        names = parquet.schema_arrow.names
        if any(name not in names for name in source.columns):
            yield pa.RecordBatch.from_pylist([], schema=parquet.schema_arrow)  # the contract says which are missing
            return
        bounds = _bounds(parquet.schema_arrow, source, window)
        for group in range(parquet.num_row_groups):
            if bounds is None or _overlaps(parquet.metadata.row_group(group), str(source.time), *bounds):
                yield from parquet.iter_batches(BATCH_ROWS, row_groups=[group], columns=list(source.columns))


def _bounds(schema: pa.Schema, source: Source, window: Window | None) -> tuple[Any, Any] | None:
    """Start and end as the file's statistics have them; None when they say nothing."""
    kind = schema.field(source.time).type if source.time and window else pa.null()
    if window is None or not pa.types.is_timestamp(kind):
        return None
    return window.bounds(bool(kind.tz), source.without_zone)


def _overlaps(group: Any, time: str, start: Any, end: Any) -> bool:
    columns = [group.column(i) for i in range(group.num_columns)]
    known = next((c.statistics for c in columns if c.path_in_schema == time), None)
    if known is None or not known.has_min_max or known.null_count:  # a row without a time is for the contract
        return True
    return known.max >= start and known.min < end


def _json_lines(stream: Any) -> Iterator[dict[str, list[Any]]]:
    lines = (line for line in stream if line.strip())
    while records := [json.loads(line) for line in islice(lines, BATCH_ROWS)]:
        if any(not isinstance(record, dict) for record in records):
            raise ValueError("a line is not a JSON object")
        names = dict.fromkeys(name for record in records for name in record)
        yield {name: [record.get(name) for record in records] for name in names}


@contextmanager
def _plain(file: str, raw: Any) -> Iterator[Any]:
    """The bytes of a file without its compression."""
    bare = file.split("?", maxsplit=1)[0]
    if bare.endswith(".gz"):
        with gzip.open(raw, "rb") as stream:
            yield stream
    elif bare.endswith(".zip"):
        with zipfile.ZipFile(raw) as archive, archive.open(_only_member(file, archive)) as stream:
            yield stream
    else:
        yield raw


def _only_member(file: str, archive: zipfile.ZipFile) -> str:
    members = [one.filename for one in archive.infolist() if not one.is_dir()]
    if len(members) != 1:
        raise SourceError(f"{file} holds {len(members)} files; deliver one file in a .zip")
    return members[0]


@contextmanager
def _readable(system: Any, file: str, stated: str, kind: str) -> Iterator[None]:
    """What is wrong with a file, said without a value of it; ``stated`` is its path as the spec has it."""
    local = "file" in (system.protocol if isinstance(system.protocol, tuple) else (system.protocol,))
    name = file if local else stated
    try:
        yield
    except (SourceError, ServiceError):
        raise
    except FileNotFoundError:
        raise SourceError(f"{name}: the file does not exist; deliver it, or correct 'path'") from None
    except PermissionError:
        raise SourceError(f"{name}: this account may not read it; grant it access") from None
    except Exception as error:
        corrupt = isinstance(error, gzip.BadGzipFile | pa.ArrowException)
        if isinstance(error, UNREADABLE) and (local or corrupt or not isinstance(error, OSError)):
            reason = ", ".join([type(error).__name__, *HARMLESS.findall(str(error))])
            raise SourceError(f"{name}: cannot be read as {WORDS[kind]} ({reason}); deliver it again") from None
        raise ServiceError(f"{name}: the store did not answer ({type(error).__name__}); run the task again") from None


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
