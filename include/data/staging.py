"""The staging directory of one run: ``<point>_<table>.parquet`` files, never read by anything downstream."""

from pathlib import Path
from typing import Literal

import pandas as pd

from include.errors import NotFoundError

Point = Literal["raw", "processed", "features"]


def put(staging: Path, point: Point, tables: dict[str, pd.DataFrame]) -> dict[str, int]:
    """Write the tables of one point; rows per table."""
    staging.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        rows.to_parquet(staging / f"{point}_{name}.parquet", index=False)
    return {name: len(rows) for name, rows in tables.items()}


def paths(staging: Path, point: Point) -> dict[str, Path]:
    """Files of one point by table; NotFoundError when there are none."""
    found = {p.stem.removeprefix(f"{point}_"): p for p in sorted(staging.glob(f"{point}_*.parquet"))}
    if not found:
        raise NotFoundError(f"nothing is staged as {point!r} in {staging}: clear the run from its first task")
    return found


def get(staging: Path, point: Point) -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(path) for name, path in paths(staging, point).items()}
