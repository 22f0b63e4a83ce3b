"""The staging directory of one run: ``raw/`` and ``tables/``, one Parquet file per table.

Nothing downstream reads it; each step replaces its own part in one rename.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import GateRefusedError, NotFoundError
from include.formats import checksums, state_file
from include.formats.exact_frames import exact_frame
from include.formats.file_proof import sha256
from include.formats.proved_parquet import row_groups

RAW = "raw"
TABLES = "tables"
PASSED = "passed.json"


@contextmanager
def writing(staging: Path, part: str) -> Iterator[Path]:
    """A directory aside to write ``<table>.parquet`` files into; it takes the part's place when the block ends well."""
    aside = staging / f".{part}.aside"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    checksums.write_sums(aside, aside.glob("*.parquet"))
    shutil.rmtree(staging / part, ignore_errors=True)
    aside.rename(staging / part)


def replace(staging: Path, part: str, tables: Mapping[str, pa.Table | Iterable[pa.RecordBatch]]) -> dict[str, int]:
    """Replace one part with these tables, in one step; returns rows per table.

    A table may come in batches (one at least): no more than a row group and a batch are in memory then.
    """
    with writing(staging, part) as aside:
        return {name: _write(aside / f"{name}.parquet", rows) for name, rows in tables.items()}


def counts(staging: Path, part: str) -> dict[str, int]:
    """Rows per staged table, from the files' metadata."""
    return {table: pq.read_metadata(path(staging, part, table)).num_rows for table in names(staging, part)}


def _write(file: Path, rows: pa.Table | Iterable[pa.RecordBatch]) -> int:
    if isinstance(rows, pa.Table):
        pq.write_table(rows, file)
        return rows.num_rows
    batches = iter(rows)
    first = next(batches)
    with pq.ParquetWriter(file, first.schema) as writer:
        return sum(_write_group(writer, group) for group in row_groups(chain([first], batches)))


def _write_group(writer: pq.ParquetWriter, group: pa.Table) -> int:
    writer.write_table(group)
    return group.num_rows


def path(staging: Path, part: str, table: str) -> Path:
    """The file of a staged table; raises NotFoundError without it, DamagedFileError when it is not what was staged."""
    file = staging / part / f"{table}.parquet"
    if not file.is_file():
        raise NotFoundError(f"{file} does not exist: clear the run from its first task on")
    checksums.prove(file, f"staged table {table}", "clear the run from its first task on")
    return file


def frame(staging: Path, part: str, table: str) -> pd.DataFrame:
    return exact_frame(pq.read_table(path(staging, part, table)))


def names(staging: Path, part: str) -> list[str]:
    """Tables staged in a part, sorted."""
    return sorted(p.stem for p in (staging / part).glob("*.parquet"))


def mark_passed(staging: Path) -> None:
    """The features gate let through exactly what is staged now."""
    state_file.write(staging / PASSED, json.dumps(_fingerprints(staging), indent=1))


def require_passed(staging: Path) -> None:
    """Raises GateRefusedError unless the features gate let through exactly what is staged; DamagedStateError."""
    mark = staging / PASSED
    passed = json.loads(state_file.read(mark)) if state_file.exists(mark) else {}
    staged = _fingerprints(staging)
    if changed := sorted(t for t in {*passed, *staged} if passed.get(t) != staged.get(t)):
        raise GateRefusedError(
            f"{staging}: the features gate did not pass {changed} as they are staged; "
            "clear the run from gate_features on"
        )


def _fingerprints(staging: Path) -> dict[str, str]:
    """SHA-256 of each file that would be published."""
    return {table: sha256(path(staging, TABLES, table)) for table in names(staging, TABLES)}
