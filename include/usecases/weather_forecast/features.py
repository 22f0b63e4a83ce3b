"""Cleaning and features of weather_forecast, as Ibis expressions.

A reading is published when its hour is over, one hour after its ``observed_at``; a feature's ``event_timestamp``
is the moment from which it may be used.
"""

import ibis

from include.contracts.period import Period
from include.usecases import nycflights
from include.usecases.nycflights import last_hours

READINGS = ("temp", "dewp", "humid", "wind_speed", "pressure")
AHEAD = 23
"""Hours from the forecast to the hour that is forecast."""
HOURS = 24
"""Hours of readings that a forecast looks back on."""
BRIDGED = 3
"""For so many hours the reading before takes the place of a missing one."""


def process(raw: dict[str, ibis.Table]) -> dict[str, ibis.Table]:
    """Raw readings of one period → ``events`` and ``weather``, cleaned.

    ``events`` has one row per reading: the forecast for it, made ``AHEAD`` hours before; ``temp_ahead`` (°F) is
    NULL where the thermometer failed.
    """
    weather = nycflights.weather(raw["weather"], READINGS)
    return {"events": _events(weather), "weather": weather}


def build(
    tables: dict[str, ibis.Table], period: Period, history: dict[str, ibis.Table] | None = None
) -> dict[str, ibis.Table]:
    """Cleaned tables → the feature view ``recent_weather``: per airport and hour the last ``HOURS`` hours.

    ``<reading>_23`` is the hour itself, ``<reading>_00`` 23 hours before. Windows look back into
    ``history["weather"]`` (cleaned, earlier periods); rows come out for the hours of ``tables["weather"]`` only.
    """
    return {"recent_weather": _recent_weather(tables["weather"], (history or {}).get("weather"))}


def _events(weather: ibis.Table) -> ibis.Table:
    return weather.select(
        forecast_id=weather.origin + "_" + weather.observed_at.strftime("%Y-%m-%dT%H"),
        event_timestamp=weather.observed_at - ibis.interval(hours=AHEAD),
        origin=weather.origin,
        temp_ahead=weather.temp,
        label_timestamp=weather.observed_at + ibis.interval(hours=1),
    )


def _recent_weather(weather: ibis.Table, earlier: ibis.Table | None) -> ibis.Table:
    hourly = nycflights.hourly(weather, earlier)
    readings = hourly.select(
        *("origin", "observed_at", "wanted"),
        **{_at(n, h): hourly[n].max().over(last_hours(h, h)) for n, h in _reach(HOURS + BRIDGED)},
    )
    known = readings.filter(readings.wanted)
    return known.select(
        "origin",
        event_timestamp=known.observed_at + ibis.interval(hours=1),
        **{f"{n}_{HOURS - 1 - h:02d}": _bridged(known, n, h) for n, h in _reach(HOURS)},
    )


def _reach(hours: int) -> list[tuple[str, int]]:
    """Every reading and how many hours ago it was."""
    return [(name, ago) for name in READINGS for ago in range(hours)]


def _at(name: str, ago: int) -> str:
    return f"{name}_{ago}_ago"


def _bridged(known: ibis.Table, name: str, ago: int) -> ibis.Value:
    return ibis.coalesce(*(known[_at(name, ago + more)] for more in range(BRIDGED + 1)))
