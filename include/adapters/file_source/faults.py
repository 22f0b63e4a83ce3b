"""What is wrong with a file, in words that contain none of its values."""

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from include.adapters.file_source.formats import BLOCK_BYTES
from include.contracts.csv_quotes import QuoteError
from include.contracts.json_rows import JsonRefusedError
from include.errors import ServiceError, SourceError

WORDS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}
UNREADABLE = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, pa.ArrowException, NotImplementedError)
LONG_ROW = (
    "deliver it with shorter rows, or as Parquet; the cause may be a wrong 'delimiter' or line ends that are lost"
)
# parsers quote the offending row: only these words of theirs hold no value
HARMLESS = re.compile(r"Row #\d+|Expected \d+ columns, got \d+|Empty CSV file|[Ii]nvalid UTF8|column \d+|line \d+")

ROW = re.compile(r"Row #(\d+)")
"""Arrow counts the header, the contract does not."""


@contextmanager
def readable(system: Any, file: str, stated: str, kind: str) -> Iterator[None]:
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
    except (QuoteError, JsonRefusedError) as error:
        raise SourceError(f"{name}: cannot be read as {WORDS[kind]}: {error}; deliver it again") from None
    except Exception as error:
        if "straddling object" in str(error):
            raise SourceError(f"{name}: a row is longer than {BLOCK_BYTES} bytes; {LONG_ROW}") from None
        corrupt = isinstance(error, gzip.BadGzipFile | pa.ArrowException)
        if isinstance(error, UNREADABLE) and (local or corrupt or not isinstance(error, OSError)):
            raise SourceError(f"{name}: cannot be read as {WORDS[kind]} ({_reason(error)}); deliver it again") from None
        raise ServiceError(f"{name}: the store did not answer ({type(error).__name__}); run the task again") from None


def _reason(error: Exception) -> str:
    words = [type(error).__name__, *HARMLESS.findall(str(error))]
    return ROW.sub(lambda match: f"row {int(match[1]) - 1}", ", ".join(words))
