"""Parquet files of the lake: each carries the SHA-256 of its bytes in its name, and the hash of its rows inside.

``part-<when>-<random>-<SHA-256>.parquet``: the Delta log names the file, so its hash stands in the very commit that
added it, and is wherever the file is: in every version, in a checkpoint, after a vacuum, in a copy.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.period import Period
from include.contracts.tables import PERIOD, TableRef
from include.errors import DamagedFileError
from include.formats.content import in_utc, parquet_rows, relation_hash
from include.formats.file_proof import PROOFS
from include.formats.stored_types import stored_schema

GROUP_ROWS = 250_000
CONTENT = b"moebius.content_hash"
_NAME = re.compile(r"^part-[0-9a-f]{16}-[0-9a-f]{8}-([0-9a-f]{64})\.parquet$")


class Written(NamedTuple):
    """A new file: where, how large (bytes), how many rows."""

    path: Path
    size: int
    rows: int


class _Hashed:
    """A file that is hashed as it is written: what the disk makes of it later is another matter."""

    closed = False

    def __init__(self, file: Any) -> None:
        self._file, self._digest = file, hashlib.sha256()

    def write(self, content: Any) -> int:
        self._digest.update(content)
        return int(self._file.write(content))

    def flush(self) -> None:
        self._file.flush()

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def write(directory: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], content_hash: str = "") -> Written:
    """Write rows of the schema into the directory; the file has its name once it is complete.

    ``content_hash`` is that of the rows, where they are all rows of their period.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = f"part-{time.time_ns():016x}-{secrets.token_hex(4)}"
    aside, rows = directory / f"{name}-unfinished.parquet", 0
    if content_hash:
        schema = schema.with_metadata({**(schema.metadata or {}), CONTENT: content_hash.encode()})
    try:
        with aside.open("wb") as file:
            hashed = _Hashed(file)
            with pq.ParquetWriter(pa.PythonFile(hashed, mode="w"), schema) as writer:
                for group in row_groups(batches):
                    writer.write_table(group.cast(schema))
                    rows += group.num_rows
        path = aside.replace(directory / f"{name}-{hashed.hexdigest()}.parquet")
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return Written(path, path.stat().st_size, rows)


def row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Small batches together, ``GROUP_ROWS`` and a batch at most, so that a row group is worth its overhead."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= GROUP_ROWS:
            yield pa.Table.from_batches(held)
            held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held)


def named_digest(file: str | Path) -> str | None:
    """The SHA-256 in a file's name; None for one that was written before names had it."""
    match = _NAME.match(Path(file).name)
    return match[1] if match else None


def table_of(file: str | Path) -> str:
    """``<usecase>.<table> period <period>`` of a file of the lake."""
    usecase, table, partition = Path(file).parts[-4:-1]
    return f"{usecase}.{table} period {partition.removeprefix(f'{PERIOD}=')}"


def way_out(file: str | Path) -> str:
    """What to do about a damaged file of the lake."""
    usecase, _, partition = Path(file).parts[-4:-1]
    period = partition.removeprefix(f"{PERIOD}=")
    return (
        f"run {usecase}.data_pipeline for {period} again (it rebuilds the period from its source), restore another "
        f"snapshot of it ({usecase}.data_versions, operation restore), or put the file back from a backup"
    )


def prove(file: str, *, again: bool = False) -> None:
    """Raises DamagedFileError when a file of the lake has other bytes than it was written with, or is gone.

    ``again``: whatever this process proved before, and what the disk holds. A file that was written before names
    had a hash must be readable as Parquet.
    """
    if digest := named_digest(file):
        PROOFS.prove(Path(file), digest, table_of(file), way_out(file), again=again)
    else:
        _footer(file, _changed_at(file))


def claimed_hash(file: str) -> str | None:
    """The content hash of its period that a proved file carries; None where it carries none."""
    return _footer(file, _changed_at(file))[1] if named_digest(file) else None


def rows_in(file: str) -> int:
    return _footer(file, _changed_at(file))[0]


def prove_content(files: Sequence[str], ref: TableRef, period: Period, what: str) -> None:
    """Raises DamagedFileError unless these files, whose bytes are proved, hold exactly the rows that ``ref`` pins."""
    rows = sum(map(rows_in, files))
    way = way_out(files[0]) if files else f"restore another snapshot of {period}, or run the data pipeline for it again"
    if rows != ref.rows:
        raise DamagedFileError(f"{what}: version {ref.version} has {rows} rows, {ref.rows} were pinned; {way}")
    if rows and (found := _content_hash(tuple(files), tuple(map(_changed_at, files)))) != ref.content_hash:
        raise DamagedFileError(
            f"{what}: the rows of version {ref.version} have the content hash {found[:12]}, {ref.content_hash[:12]} "
            f"was pinned; {way}"
        )


@lru_cache(maxsize=65_536)
def _content_hash(files: tuple[str, ...], _: tuple[int, ...]) -> str:
    """What a single file says of itself, else what the rows say."""
    if len(files) == 1 and (claimed := claimed_hash(files[0])):
        return claimed
    return rows_hash(files)


def rows_hash(files: Sequence[str]) -> str:
    """The content hash of the rows of Parquet files, from the rows themselves."""
    every = [pq.read_schema(file) for file in files]
    schema = stored_schema(pa.unify_schemas(every, promote_options="permissive"))  # a column may have been widened
    with in_utc() as connection:
        connection.sql(f"FROM {parquet_rows(*files)}").create_view("there")
        return relation_hash(connection, "there", schema)


@lru_cache(maxsize=65_536)
def _footer(file: str, _: int) -> tuple[int, str | None]:
    """Rows, and the content hash that the file carries."""
    try:
        found = pq.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise DamagedFileError(f"{table_of(file)}: {file} is damaged ({error}); {way_out(file)}") from error
    claimed = (found.metadata or {}).get(CONTENT)
    return found.num_rows, claimed.decode() if claimed else None


def _changed_at(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except FileNotFoundError as error:
        raise DamagedFileError(f"{table_of(file)}: {file} is gone; {way_out(file)}") from error
