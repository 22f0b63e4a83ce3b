"""Cleaning and features of flight_delay, as Ibis expressions.

A feature's ``event_timestamp`` is the moment from which it may be used: the weather of an hour is
published when the hour is over, so it is known one hour after its ``observed_at``.
"""

from pathlib import Path

import ibis

from include.contracts.period import Period
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.usecases import nycflights
from include.usecases.nycflights import UTC, last_hours

LATE_MINUTES = 15
READINGS = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")


def process(raw: dict[str, ibis.Table]) -> dict[str, ibis.Table]:
    """Raw tables of one period → ``events``, ``weather``, ``planes``, cleaned.

    ``events`` has one row per flight: ``flight_id`` (``2013-01-01_UA1545_EWR_0515``, local date),
    ``event_timestamp`` (scheduled departure, UTC), the request fields, ``late`` (arrival more than 15
    minutes late; NULL for cancelled and diverted flights) and ``label_timestamp``.
    """
    weather = nycflights.weather(raw["weather"], READINGS)
    return {"events": _events(raw["flights"]), "weather": weather, "planes": nycflights.planes(raw["planes"])}


def build(
    tables: dict[str, ibis.Table], period: Period, history: dict[str, ibis.Table] | None = None
) -> dict[str, ibis.Table]:
    """Cleaned tables → the feature views ``airport_weather`` and ``aircraft``.

    Windows look back into ``history["weather"]`` (cleaned, earlier periods); rows come out for the
    hours of ``tables["weather"]`` only. ``aircraft`` is valid from the period's start.
    """
    return {
        "airport_weather": _airport_weather(tables["weather"], (history or {}).get("weather")),
        "aircraft": tables["planes"].mutate(event_timestamp=ibis.literal(_spec().calendar.start(period)).cast(UTC)),
    }


def _events(flights: ibis.Table) -> ibis.Table:
    departure = flights.time_hour.cast(UTC) + (flights.sched_dep_time % 100).as_interval("m")
    date = ibis.date(flights.year, flights.month, flights.day)
    return flights.select(
        flight_id=_flight_id(flights, date),
        event_timestamp=departure,
        carrier=flights.carrier,
        origin=flights.origin,
        dest=flights.dest,
        tailnum=flights.tailnum.cast("string").fill_null(""),  # a request says "" as well: parity
        sched_dep_minute=_minute_of_day(flights.sched_dep_time),
        sched_arr_minute=_minute_of_day(flights.sched_arr_time),
        day_of_week=date.day_of_week.index().cast("float64"),
        distance=flights.distance.cast("float64"),
        late=(flights.arr_delay > LATE_MINUTES).cast("int32"),
        label_timestamp=departure + ibis.interval(hours=round(_spec().event.label_delay.hours)),
    )


def _spec() -> UseCase:
    return load_usecase(Path(__file__).parent.name)


def _flight_id(flights: ibis.Table, date: ibis.Value) -> ibis.Value:
    number = flights.flight.cast("string")
    clock = flights.sched_dep_time.cast("string").lpad(4, "0")
    return date.strftime("%Y-%m-%d") + "_" + flights.carrier + number + "_" + flights.origin + "_" + clock


def _minute_of_day(hhmm: ibis.Value) -> ibis.Value:
    return ((hhmm // 100) * 60 + hhmm % 100).cast("float64")


def _airport_weather(weather: ibis.Table, earlier: ibis.Table | None) -> ibis.Table:
    hourly = nycflights.hourly(weather, earlier)
    featured = hourly.mutate(
        # rounded to the instruments' digits: the order of a sum must not show in a content hash
        precip_6h=hourly.precip.sum().over(last_hours(5, 0)).round(2),
        visib_min_3h=hourly.visib.min().over(last_hours(2, 0)),
        pressure_change_3h=(hourly.pressure - hourly.pressure.max().over(last_hours(3, 3))).round(1),
    )
    return featured.filter(featured.wanted).select(
        origin=featured.origin,
        event_timestamp=featured.observed_at + ibis.interval(hours=1),
        **{name: featured[name] for name in ("temp", "dewp", "humid", "wind_speed")},
        precip_1h=featured.precip,
        **{name: featured[name] for name in ("precip_6h", "pressure", "pressure_change_3h", "visib", "visib_min_3h")},
    )
