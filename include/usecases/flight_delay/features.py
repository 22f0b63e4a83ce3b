"""Ibis expressions from raw tables to events and feature views; DuckDB runs them, Spark can."""

from pathlib import Path

import ibis
import pandas as pd

from include.contracts import Period
from include.usecases.flight_delay.source import collect

LATE_MINUTES = 15
LABEL_DELAY = ibis.interval(hours=24)
OBSERVATION_DELAY = ibis.interval(hours=1)


def process(raw: dict[str, ibis.Table]) -> dict[str, ibis.Table]:
    """``events`` (one row per flight, label included), cleaned ``weather`` and ``planes``."""
    return {"events": _events(raw["flights"]), "weather": _weather(raw["weather"]), "planes": _planes(raw["planes"])}


def _minute(hhmm: ibis.Value) -> ibis.Value:
    return ((hhmm // 100) * 60 + hhmm % 100).cast("float64")


def _text(*parts: ibis.Value | str) -> ibis.Value:
    joined = ibis.literal("")
    for part in parts:
        joined = joined + (ibis.literal(part) if isinstance(part, str) else part.cast("string"))
    return joined


def _events(flights: ibis.Table) -> ibis.Table:
    hour = flights.time_hour.cast("timestamp('UTC')")
    departure = hour + (flights.sched_dep_time % 100).cast("int64").as_interval("m")
    day = _text(flights.year, "-", _two(flights.month), "-", _two(flights.day))
    flight = _text(flights.carrier, flights.flight, "_", flights.origin, "_")
    return flights.select(
        flight_id=day + "_" + flight + flights.sched_dep_time.cast("string").lpad(4, "0"),
        event_timestamp=departure,
        carrier=flights.carrier,
        origin=flights.origin,
        dest=flights.dest,
        tailnum=flights.tailnum.fill_null(""),
        sched_dep_minute=_minute(flights.sched_dep_time),
        sched_arr_minute=_minute(flights.sched_arr_time),
        day_of_week=ibis.date(flights.year.cast("int32"), flights.month.cast("int32"), flights.day.cast("int32"))
        .day_of_week.index()
        .cast("float64"),
        distance=flights.distance.cast("float64"),
        late=(flights.arr_delay.cast("float64") > LATE_MINUTES).cast("int64"),
        label_timestamp=departure + LABEL_DELAY,
    )


def _two(number: ibis.Value) -> ibis.Value:
    return number.cast("string").lpad(2, "0")


def _weather(weather: ibis.Table) -> ibis.Table:
    """One row per airport and hour of observation."""
    numbers = {c: weather[c].cast("float64") for c in ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")}
    rows = weather.select(origin=weather.origin, observed_at=weather.time_hour.cast("timestamp('UTC')"), **numbers)
    return rows.distinct(on=["origin", "observed_at"], keep="first")


def _planes(planes: ibis.Table) -> ibis.Table:
    return planes.select(
        tailnum=planes.tailnum,
        year_built=planes.year.cast("float64"),
        seats=planes.seats.cast("float64"),
        engines=planes.engines.cast("float64"),
    ).distinct(on=["tailnum"], keep="first")


def build(tables: dict[str, ibis.Table], period: Period) -> dict[str, ibis.Table]:
    """The feature views; ``tables['weather']`` may begin before the month, so that windows are full."""
    return {"airport_weather": _airport_weather(tables["weather"], period), "aircraft": _aircraft(tables["planes"], period)}


def _airport_weather(weather: ibis.Table, period: Period) -> ibis.Table:
    """What is known of an airport's weather at an hour: the observation of the hour before."""

    def last(hours: int) -> ibis.window:
        return ibis.window(group_by=weather.origin, order_by=weather.observed_at, preceding=hours - 1, following=0)

    known_at = weather.observed_at + OBSERVATION_DELAY
    rows = weather.select(
        origin=weather.origin,
        event_timestamp=known_at,
        temp=weather.temp,
        dewp=weather.dewp,
        humid=weather.humid,
        wind_speed=weather.wind_speed,
        precip_1h=weather.precip,
        precip_6h=weather.precip.sum().over(last(6)),
        pressure=weather.pressure,
        pressure_change_3h=weather.pressure - weather.pressure.first(include_null=True).over(last(4)),
        visib=weather.visib,
        visib_min_3h=weather.visib.min().over(last(3)),
    )
    start, end = ibis.literal(period.start), ibis.literal(period.end) + ibis.interval(days=1)
    return rows.filter(rows.event_timestamp >= start, rows.event_timestamp < end)


def _aircraft(planes: ibis.Table, period: Period) -> ibis.Table:
    return planes.mutate(event_timestamp=ibis.literal(period.start))


def live_rows(period: Period, landing: Path) -> dict[str, pd.DataFrame]:
    """What a streaming feed delivers during the month: ``airport_weather`` by the hour, in time order.

    The same expressions as the batch: a row looks back only, so computing the month at once gives the rows
    that an hour-by-hour computation would.
    """
    months = [period] if period.key == "2013-01" else [period.shift(-1), period]
    raw = pd.concat([collect(month, landing)["weather"] for month in months], ignore_index=True)
    rows = _airport_weather(_weather(ibis.memtable(raw)), period).to_pandas()
    return {"airport_weather": rows.sort_values("event_timestamp", ignore_index=True)}
