"""Processing and feature engineering: Ibis expressions of the use case, run by DuckDB on what is staged."""

from importlib import import_module
from pathlib import Path

import ibis
import pandas as pd

from include.contracts import Period
from include.data import staging as stage
from include.ports import Lake
from include.usecase import UseCase


def build(spec: UseCase, period: Period, staging: Path, lake: Lake) -> dict[str, int]:
    """Stage the processed tables and the feature views of the month; rows per table."""
    expressions = import_module(f"include.usecases.{spec.name}.features")
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    raw = {name: connection.read_parquet(str(path)) for name, path in stage.paths(staging, "raw").items()}
    processed = {name: table.to_pandas() for name, table in expressions.process(raw).items()}
    rows = stage.put(staging, "processed", processed)
    with_history = {name: ibis.memtable(_with_history(spec, period, name, own, lake)) for name, own in processed.items()}
    features = {name: table.to_pandas() for name, table in expressions.build(with_history, period).items()}
    connection.disconnect()
    return rows | stage.put(staging, "features", features)


def _with_history(spec: UseCase, period: Period, table: str, rows: pd.DataFrame, lake: Lake) -> pd.DataFrame:
    """The month's rows after the published months before it that rolling features look back into."""
    back = spec.sources[table].history if table in spec.sources else 0
    months = [m for m in (period.shift(-i).key for i in range(1, back + 1)) if m in lake.periods(spec.name, table)]
    if not months:
        return rows
    earlier = lake.read(spec.name, table, months).drop_columns(["period"])
    return pd.concat([earlier.to_pandas(), rows], ignore_index=True)


