"""What is wrong with a file, in words that contain none of its values."""

import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from include.adapters.file_source.formats import BLOCK_BYTES, FileFaultError
from include.errors import ServiceError, SourceError
from include.formats.csv_quotes import QuoteError
from include.formats.json_rows import JsonRefusedError

WORDS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}
UNREADABLE = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, pa.ArrowException,
              NotImplementedError)  # fmt: skip
PASSING = {408, 425, 429}
"""Statuses below 500 of what may pass."""
LONG_ROW = (
    "deliver it with shorter rows, or as Parquet; the cause may be a wrong 'delimiter' or line ends that are lost"
)
# parsers quote the offending row: only these words of theirs hold no value
HARMLESS = re.compile(r"Row #\d+|Expected \d+ columns, got \d+|Empty CSV file|[Ii]nvalid UTF8|column #?\d+|line \d+")

ROW, COLUMN = re.compile(r"Row #(\d+)"), re.compile(r"column #(\d+)")
"""Arrow counts the header as a row, the contract does not; it counts columns from 0."""


def is_there(system: Any, file: str) -> bool:
    """Whether a file exists; raises what ``readable`` puts into words when that cannot be found out."""
    try:
        system.info(file)  # 'exists' says no when a web server is away
    except FileNotFoundError as error:
        if outage_of(error) is not error:
            raise
        return False
    return True


@contextmanager
def readable(system: Any, file: str, stated: str, kind: str) -> Iterator[None]:
    """What is wrong with a file, said without a value of it; ``stated`` is its path as the spec has it."""
    local = "file" in (system.protocol if isinstance(system.protocol, tuple) else (system.protocol,))
    name = file if local else stated
    try:
        yield
    except (SourceError, ServiceError):
        raise
    except PermissionError:
        raise SourceError(f"{name}: this account may not read it; grant it access") from None
    except FileFaultError as error:
        raise SourceError(f"{name}: {error}") from None
    except (QuoteError, JsonRefusedError) as error:
        raise SourceError(f"{name}: cannot be read as {WORDS[kind]}: {error}; deliver it again") from None
    except Exception as error:
        raise _fault(error, name, local, kind) from None


def _fault(error: Exception, name: str, local: bool, kind: str) -> SourceError | ServiceError:
    outage = outage_of(error)
    if isinstance(error, FileNotFoundError) and outage is error:
        return SourceError(f"{name}: the file does not exist; deliver it, or correct 'path'")
    status = getattr(outage, "status", 0)
    if 400 <= status < 500 and status not in PASSING:
        return SourceError(f"{name}: the server answered with status {status}; correct 'path', or the rights to it")
    if "straddling object" in str(error):
        return SourceError(f"{name}: a row is longer than {BLOCK_BYTES} bytes; {LONG_ROW}")
    corrupt = isinstance(error, gzip.BadGzipFile | pa.ArrowException)
    if outage is error and isinstance(error, UNREADABLE) and (local or corrupt or not isinstance(error, OSError)):
        return SourceError(f"{name}: cannot be read as {WORDS[kind]} ({_reason(error)}); deliver it again")
    return ServiceError(f"{name}: the store did not answer ({type(outage).__name__}); run the task again")


def outage_of(error: Exception) -> BaseException:
    """fsspec calls a web server that cannot be reached, or fails, a file that does not exist: what it was."""
    cause = error.__cause__
    web = isinstance(cause, OSError) or type(cause).__module__.startswith("aiohttp")
    absent = isinstance(cause, FileNotFoundError) or getattr(cause, "status", 0) in (404, 410)
    return cause if cause and isinstance(error, FileNotFoundError) and web and not absent else error


def _reason(error: Exception) -> str:
    words = [type(error).__name__, *HARMLESS.findall(str(error))]
    rows = ROW.sub(lambda match: f"row {int(match[1]) - 1}", ", ".join(words))
    return COLUMN.sub(lambda match: f"column {int(match[1]) + 1}", rows)
