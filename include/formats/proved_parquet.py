"""Parquet files of the lake: each carries the SHA-256 of its bytes in its name, and what its rows are inside.

``part-<when>-<random>-<SHA-256>.parquet`` has rows of the period that its directory ``part=…`` names, ``month-…`` of
several that begin in that month; the footer maps periods to rows and content hash. The Delta log names the file, so its
hash stands in the very commit that added it, and is wherever the file is: in every version, in a checkpoint, in a copy.
"""

import hashlib
import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.period import Period
from include.contracts.tables import PART, PERIOD, FileRows, TableRef
from include.errors import DamagedFileError
from include.formats.content import lake_rows, relation_hash
from include.formats.database import in_utc
from include.formats.file_proof import PROOFS
from include.formats.stored_types import stored_schema

GROUP_ROWS = 250_000
PERIODS = "moebius.periods"
ONE, SEVERAL = "part", "month"
_NAME = re.compile(rf"^({ONE}|{SEVERAL})-([0-9a-f]{{16}})-[0-9a-f]{{8}}-([0-9a-f]{{64}})\.parquet$")


class Held(NamedTuple):
    """Rows of a period in a file, and their content hash where they are all that the period has; else ''."""

    rows: int
    content_hash: str


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


def write(
    table: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    hashes: Mapping[Period, str],
    *,
    part: str,
    when: int | None = None,
) -> Written:
    """Write rows, which have a column ``period``, into the table's ``part``; the file has its name once it is complete.

    ``hashes``: each period that the rows may be of, and its content hash where they are all rows of it, else ''.
    ``when``: nanoseconds of the time that orders the file among others of its part (None: now).
    """
    kind = ONE if set(hashes) == {part} else SEVERAL
    directory = table / f"{PART}={part}"
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{kind}-{time.time_ns() if when is None else when:016x}-{secrets.token_hex(4)}"
    aside, counts = directory / f"{name}-unfinished.parquet", Counter[str]()
    try:
        with aside.open("wb") as file:
            hashed = _Hashed(file)
            with pq.ParquetWriter(pa.PythonFile(hashed, mode="w"), schema) as writer:
                for group in row_groups(batches):
                    writer.write_table(group.cast(schema))
                    counts.update({one["values"]: one["counts"] for one in group[PERIOD].value_counts().to_pylist()})
                held = {period: [counts[period], hashes[Period(period)]] for period in sorted(counts)}
                writer.add_key_value_metadata({PERIODS: json.dumps(held)})
        path = aside.replace(directory / f"{name}-{hashed.hexdigest()}.parquet")
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return Written(path, path.stat().st_size, counts.total())


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
    """The SHA-256 in a file's name; None where it has none."""
    match = _NAME.match(_names(file)[1])
    return match[3] if match else None


def written_at(file: str | Path) -> int:
    """Nanoseconds of the time that orders the file among others of its part."""
    match = _NAME.match(_names(file)[1])
    return int(match[2], 16) if match else 0


def part_of(file: str | Path) -> str:
    """The period, or the month, that a file of the lake lies under."""
    return _names(file)[0].removeprefix(f"{PART}=")


def _names(file: str | Path) -> tuple[str, str]:
    """Of the directory and of the file: ``Path`` takes long where a table has thousands of files."""
    _, directory, name = str(file).rsplit("/", 2)
    return directory, name


def only_period(file: str | Path) -> Period | None:
    """The one period that a file has rows of, by its name; None where the footer says which they are."""
    match = _NAME.match(_names(file)[1])
    return Period(part_of(file)) if match and match[1] == ONE else None


def table_of(file: str | Path) -> str:
    """``<usecase>.<table> period <period>`` of a file of the lake, or ``… periods of <month>``."""
    usecase, table = Path(file).parts[-4:-2]
    return f"{usecase}.{table} period{'' if only_period(file) else 's of'} {part_of(file)}"


def way_out(file: str | Path) -> str:
    """What to do about a damaged file of the lake."""
    usecase = Path(file).parts[-4]
    which = "period" if only_period(file) else "periods"
    return (
        f"run {usecase}.data_pipeline for {part_of(file)} again (it rebuilds the {which} from the source), restore "
        f"another snapshot of it ({usecase}.data_versions, operation restore), or put the file back from a backup"
    )


def prove(file: str, *, again: bool = False) -> None:
    """Raises DamagedFileError when a file of the lake has other bytes than it was written with, or is gone.

    ``again``: whatever this process proved before, and what the disk holds. A file without a hash in its name, which
    is not ours, must be readable as Parquet.
    """
    digest = named_digest(file)
    if digest is None:
        _footer(file, _changed_at(file))
    elif again or not PROOFS.holds(file, digest):  # what an error says is made where it is needed: files are thousands
        PROOFS.prove(Path(file), digest, table_of(file), way_out(file), again=again)


def held(file: str) -> Mapping[Period, Held]:
    """Rows and content hash of each period that a file, which is proved, has rows of."""
    prove(file)
    return _footer(file, _changed_at(file))


def prove_content(stored: Sequence[FileRows], ref: TableRef, period: Period, what: str) -> None:
    """Raises DamagedFileError unless these rows, whose files are proved, are exactly those that ``ref`` pins."""
    rows = sum(held(one.file)[period].rows for one in stored)
    if rows != ref.rows:
        fault = f"version {ref.version} has {rows} rows, {ref.rows} were pinned"
    elif rows and (found := content_hash_of(stored, period)) != ref.content_hash:
        hashes = f"{found[:12]}, {ref.content_hash[:12]} was pinned"
        fault = f"the rows of version {ref.version} have the content hash {hashes}"
    else:
        return
    again = f"restore another snapshot of {period}, or run the data pipeline for it again"
    raise DamagedFileError(f"{what}: {fault}; {way_out(stored[0].file) if stored else again}")


def content_hash_of(stored: Sequence[FileRows], period: Period) -> str:
    """The content hash of all rows of a period: what a single file says of itself, else what the rows say."""
    return _content_hash(tuple(stored), tuple(_changed_at(one.file) for one in stored), period)


@lru_cache(maxsize=65_536)
def _content_hash(stored: tuple[FileRows, ...], _: tuple[int, ...], period: Period) -> str:
    if len(stored) == 1 and (claimed := held(stored[0].file)[period].content_hash):
        return claimed
    return rows_hash(stored)


def rows_hash(stored: Sequence[FileRows]) -> str:
    """The content hash of rows of the lake, from the rows themselves."""
    every = [pq.read_schema(one.file) for one in stored]
    schema = stored_schema(pa.unify_schemas(every, promote_options="permissive"))  # a column may have been widened
    with in_utc() as connection:
        connection.execute(f"CREATE TEMP VIEW there AS FROM {lake_rows(stored)}")
        return relation_hash(connection, "there", schema)


@lru_cache(maxsize=65_536)
def _footer(file: str, _: int) -> Mapping[Period, Held]:
    try:
        with pq.ParquetFile(file) as there:
            claimed = (there.metadata.metadata or {}).get(PERIODS.encode())
            if claimed is None:
                counts = Counter(there.read([PERIOD])[PERIOD].to_pylist())
                return {Period(period): Held(rows, "") for period, rows in sorted(counts.items())}
    except (OSError, pa.ArrowException) as error:
        raise DamagedFileError(f"{table_of(file)}: {file} is damaged ({error}); {way_out(file)}") from error
    return {Period(period): Held(*of) for period, of in json.loads(claimed).items()}


def _changed_at(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except FileNotFoundError as error:
        raise DamagedFileError(f"{table_of(file)}: {file} is gone; {way_out(file)}") from error
