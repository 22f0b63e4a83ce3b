"""The real flights of 2013 as tables by month and by day, and lakes in which they are published."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from include.adapters.lake import DeltaLake
from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import ingestion
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.usecases.flight_delay import features

SPEC = load_usecase("flight_delay")
MONTHS = Period.between(Period("2013-01"), Period("2013-12"))
TIME = "event_timestamp"
Tables = dict[str, pa.Table]


@cache
def by_month() -> dict[Period, Tables]:
    """Events and feature views of each month."""
    connect = Services(Settings(home=Path("no state"))).adapters.connector
    months = {}
    for month in MONTHS:
        raw = ingestion.tables(SPEC, month, Path("no landing"), connect)
        tables = features.process({name: ibis.memtable(rows) for name, rows in raw.items()})
        views = {view: rows.to_pyarrow() for view, rows in features.build(tables, month).items()}
        months[month] = {"events": tables["events"].to_pyarrow(), **views}
    return months


def by_day() -> Iterator[tuple[Period, Tables]]:
    """The same rows, each on the day of its time; what the next month begins with is of the last day."""
    calendar = Calendar(every="day")
    for month, tables in by_month().items():
        days = Period.between(Period(f"{month}-01"), calendar.of(Calendar(every="month").end(month)).shift(-1))
        dates = {name: pc.strftime(rows[TIME].cast(pa.timestamp("us")), "%Y-%m-%d") for name, rows in tables.items()}
        for day in days:
            yield day, {name: rows.filter(_is_of(dates[name], day, days)) for name, rows in tables.items()}


def _is_of(dates: pa.ChunkedArray, day: Period, days: list[Period]) -> pa.ChunkedArray:
    if day == days[0]:
        return pc.less_equal(dates, str(day))
    return pc.greater_equal(dates, str(day)) if day == days[-1] else pc.equal(dates, str(day))


def publish(lake: DeltaLake, period: Period, tables: Tables) -> SnapshotRef:
    refs = {name: lake.publish(SPEC.name, name, rows, period) for name, rows in tables.items()}
    return SnapshotRef(usecase=SPEC.name, period=period, name=str(period), tables=refs)
