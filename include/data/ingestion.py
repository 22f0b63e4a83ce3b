"""Collection: the raw tables of one month, checked against the source's column contract."""

from importlib import import_module
from pathlib import Path

import pandas as pd

from include.contracts import Period
from include.data import staging as stage
from include.errors import SourceError
from include.usecase import UseCase


def collect(spec: UseCase, period: Period, landing: Path, staging: Path) -> dict[str, int]:
    """Stage what the use case's ``source.collect`` gives; rows per table.

    Raises
    ------
    MissingPeriodError
        the source has no such month.
    SourceError
        a file is unreadable, or lacks columns that the spec requires.
    """
    tables = import_module(f"include.usecases.{spec.name}.source").collect(period, landing)
    for name, rows in tables.items():
        _require_columns(spec, name, rows, period)
    return stage.put(staging, "raw", tables)


def _require_columns(spec: UseCase, name: str, rows: pd.DataFrame, period: Period) -> None:
    required = spec.sources[name].required
    if missing := [c for c in required if c not in rows.columns]:
        extra = [c for c in rows.columns if c not in required]
        raise SourceError(
            f"{spec.name}: {name} of {period.key} lacks the columns {missing}; beside the required ones it has {extra}. "
            "Was a column renamed? Deliver the month with the columns of usecase.yaml, or change the contract there"
        )
