"""The staging directory of one run: ``raw/`` and ``tables/``, one Parquet file per table.

Nothing downstream reads it; each step replaces its own part in one rename.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import NotFoundError

RAW = "raw"
TABLES = "tables"


def replace(staging: Path, part: str, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Replace one part with these tables, in one step; returns rows per table."""
    aside = staging / f".{part}.aside"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    for name, rows in tables.items():
        pq.write_table(rows, aside / f"{name}.parquet")
    shutil.rmtree(staging / part, ignore_errors=True)
    aside.rename(staging / part)
    return {name: rows.num_rows for name, rows in tables.items()}


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
