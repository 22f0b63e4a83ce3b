"""Collect the raw tables of a period into staging, exactly the columns that the spec requires."""

from importlib import import_module
from pathlib import Path

import pandas as pd
import pyarrow as pa

from include.contracts import Period
from include.data import staging as stage
from include.errors import SourceError
from include.usecase import UseCase


def collect(spec: UseCase, period: Period, landing: Path, staging: Path) -> dict[str, int]:
    """Read the use case's source and stage its tables; returns rows per table.

    ``landing`` is the use case's own (``<home>/landing/<usecase>``). Columns that the spec does not
    require are left behind, so what is known only later cannot leak into features.

    Raises
    ------
    MissingPeriodError
        the source has nothing for the period.
    SourceError
        a file is unreadable, or a table or column is missing.
    """
    source = import_module(f"include.usecases.{spec.name}.source")
    frames = source.collect(period, landing)
    if absent := sorted(set(spec.sources) - set(frames)):
        raise SourceError(f"{spec.name} {period.key}: the source gave no table {absent}; it gave {sorted(frames)}")
    return stage.replace(staging, stage.RAW, {t: _required(spec, period, t, frames[t]) for t in spec.sources})


def _required(spec: UseCase, period: Period, table: str, rows: pd.DataFrame) -> pa.Table:
    required = spec.sources[table].required
    if missing := [c for c in required if c not in rows.columns]:
        unexpected = [c for c in rows.columns if c not in required]
        raise SourceError(
            f"{spec.name} {period.key}: source {table!r} lacks the columns {missing}; beside the required ones it has "
            f"{unexpected}. Was a column renamed? Deliver the table with its agreed columns, or change "
            f"'sources.{table}.required' in usecase.yaml"
        )
    return pa.Table.from_pandas(rows[required], preserve_index=False)
