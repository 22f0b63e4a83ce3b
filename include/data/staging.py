"""The staging directory of one run: ``raw/`` and ``tables/``, one Parquet file per table.

Nothing downstream reads it; each step replaces its own part in one rename.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import NotFoundError

RAW = "raw"
TABLES = "tables"


@contextmanager
def writing(staging: Path, part: str) -> Iterator[Path]:
    """A directory aside to write ``<table>.parquet`` files into; it takes the part's place when the block ends well."""
    aside = staging / f".{part}.aside"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    yield aside
    shutil.rmtree(staging / part, ignore_errors=True)
    aside.rename(staging / part)


def replace(staging: Path, part: str, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Replace one part with these tables, in one step; returns rows per table."""
    with writing(staging, part) as aside:
        for name, rows in tables.items():
            pq.write_table(rows, aside / f"{name}.parquet")
    return counts(staging, part)


def counts(staging: Path, part: str) -> dict[str, int]:
    """Rows per staged table, from the files' metadata."""
    return {table: pq.read_metadata(path(staging, part, table)).num_rows for table in names(staging, part)}


def path(staging: Path, part: str, table: str) -> Path:
    """The file of a staged table; raises NotFoundError naming the step that would write it."""
    file = staging / part / f"{table}.parquet"
    if not file.is_file():
        raise NotFoundError(f"{file} is not there: clear the run from its first task")
    return file


def frame(staging: Path, part: str, table: str) -> pd.DataFrame:
    return pd.read_parquet(path(staging, part, table))


def names(staging: Path, part: str) -> list[str]:
    """Tables staged in a part, sorted."""
    return sorted(p.stem for p in (staging / part).glob("*.parquet"))
