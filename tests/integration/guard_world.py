"""Honest and faulty months of the flights and of the weather, for the input guard."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pandas as pd

from include.contracts.guard import Oddity, PeriodProfile
from include.contracts.period import Period
from include.evaluation.guard.judgement import oddities
from include.evaluation.guard.profile import profile
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.evaluation_flights import _read, flights
from tests.integration.evaluation_flights import spec as flights_spec

MONTHS = Period.between(Period("2013-01"), Period("2013-12"))
JULY = Period("2013-07")
READINGS = ("temp", "dewp", "humid", "wind_speed", "pressure")
Fault = Callable[[pd.DataFrame], pd.DataFrame]


@lru_cache
def flight_rows() -> pd.DataFrame:
    """The flights of 2013 with simple features, their time, and ``period``."""
    raw = _read("flights.csv.zip").dropna(subset=["arr_delay"])
    minutes = pd.to_timedelta(raw["sched_dep_time"] % 100, unit="min")
    return flights().assign(event_timestamp=(pd.to_datetime(raw["time_hour"], utc=True) + minutes).to_numpy())


@lru_cache
def weather_rows() -> pd.DataFrame:
    """The forecasts of 2013 with the readings of 24 hours, and ``period``."""
    raw = _read("weather.csv")
    raw["hour"] = pd.to_datetime(raw["time_hour"], utc=True)
    stations = [_station(origin, rows) for origin, rows in raw.groupby("origin")]
    return pd.concat(stations, ignore_index=True)


def _station(origin: str, rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.drop_duplicates("hour").set_index("hour").sort_index()
    hourly = rows.reindex(pd.date_range(rows.index[0], rows.index[-1], freq="h"))
    series = {f"{n}_{h:02d}": hourly[n].ffill(limit=3).shift(47 - h) for n in READINGS for h in range(24)}
    hours = rows.index
    day, year = 2 * np.pi * hours.hour / 24, 2 * np.pi * hours.dayofyear / 365.25
    circles = {"hour_sin": np.sin(day), "hour_cos": np.cos(day), "year_sin": np.sin(year), "year_cos": np.cos(year)}
    about = {
        "forecast_id": [f"{origin}_{hour:%Y-%m-%dT%H}" for hour in hours],
        "event_timestamp": hours - pd.Timedelta(hours=23),
        "temp_ahead": rows["temp"].to_numpy(),
        "period": hours.tz_convert("America/New_York").strftime("%Y-%m"),
    }
    return pd.DataFrame(series, index=hourly.index).loc[hours].assign(**circles, **about).reset_index(drop=True)


def described(spec: UseCase, period: Period, rows: pd.DataFrame) -> PeriodProfile:
    known = rows[str(spec.event.label)].notna()
    return profile(spec, period, rows[known], unlabelled=int((~known).sum()))


@lru_cache
def worlds() -> dict[str, tuple[UseCase, pd.DataFrame, dict[Period, PeriodProfile]]]:
    """Use case → its spec, rows, and the profiles of its months."""
    found = {}
    for name, spec, rows in (
        ("flights", flights_spec(), flight_rows()),
        ("weather", load_usecase("weather_forecast"), weather_rows()),
    ):
        found[name] = (spec, rows, {m: described(spec, m, rows[rows["period"] == m]) for m in MONTHS})
    return found


def judged(name: str, period: Period, rows: pd.DataFrame) -> list[Oddity]:
    """What is odd about these rows as a period of the use case, after the sound months before it."""
    spec, _, profiles = worlds()[name]
    before = [one for month, one in profiles.items() if month < period]
    return oddities(spec, before, described(spec, period, rows), spec.guard.false_alarms)


def honest_windows(count: int, seed: int = 0) -> Iterator[tuple[str, Period, pd.DataFrame]]:
    """Months from April on, in turn of both use cases, with a random set of their days each."""
    random, cases = np.random.default_rng(seed), [(name, month) for month in MONTHS[3:] for name in worlds()]
    for number in range(count):
        name, month = cases[number % len(cases)]
        _, rows, _ = worlds()[name]
        rows = rows[rows["period"] == month]
        day = rows["event_timestamp"].dt.tz_convert("America/New_York").dt.date
        days = sorted(day.unique())
        kept = random.choice(len(days), size=int(len(days) * random.uniform(0.3, 1)), replace=False)
        yield name, month, rows[day.isin([days[place] for place in kept])]


def _draw(rows: pd.DataFrame) -> np.ndarray:
    return np.random.default_rng(5).random(len(rows))


def _later(rows: pd.DataFrame) -> pd.Series:
    """Rows after the first third of the month."""
    return rows["event_timestamp"] > rows["event_timestamp"].quantile(0.33)


def _again(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(flight_id=rows["flight_id"] + "_again")


def _turned(values: pd.Series) -> pd.Series:
    known = sorted(values.unique())
    return values.map(dict(zip(known, known[1:] + known[:1], strict=True)))


def _stale(rows: pd.DataFrame) -> pd.DataFrame:
    """From a third of the month on each airport has its last weather."""
    late, weather = _later(rows), ["temp", "dewp", "humid", "wind_speed", "pressure", "visib"]
    last = rows[~late].sort_values("event_timestamp").groupby("origin")[weather].last()
    frozen = {name: rows[name].mask(late, rows["origin"].map(last[name])) for name in weather}
    return rows.assign(**frozen)


FAULTS: dict[str, Fault] = {
    "unit of a temperature": lambda r: r.assign(temp=(r["temp"] - 32) * 5 / 9),
    "unit of a distance, in a part of the rows": lambda r: r.assign(
        distance=r["distance"].mask(_later(r), r["distance"] * 1.609)
    ),
    "unit of a clock: minutes to hours": lambda r: r.assign(sched_dep_minute=r["sched_dep_minute"] / 60),
    "ten times too large": lambda r: r.assign(seats=r["seats"] * 10),
    "another sign": lambda r: r.assign(dewp=-r["dewp"]),
    "stuck at one value": lambda r: r.assign(wind_speed=r["wind_speed"].mask(_later(r), 8.05546)),
    "one category dominates": lambda r: r.assign(carrier=r["carrier"].mask(_draw(r) < 0.5, "UA")),
    "two codes swapped": lambda r: r.assign(origin=r["origin"].replace({"JFK": "LGA", "LGA": "JFK"})),
    "codes shifted by one": lambda r: r.assign(carrier=_turned(r["carrier"])),
    "categories in lower case": lambda r: r.assign(carrier=r["carrier"].str.lower()),
    "missing values": lambda r: r.assign(temp=r["temp"].mask(_draw(r) < 0.3)),
    "days delivered twice": lambda r: pd.concat([r, _again(r[r["event_timestamp"].dt.day.between(5, 10)])]),
    "hours dropped": lambda r: r[~r["event_timestamp"].dt.hour.between(18, 21)],
    "two columns swapped": lambda r: r.assign(temp=r["dewp"], dewp=r["temp"]),
    "times of another zone": lambda r: r.assign(event_timestamp=r["event_timestamp"] + pd.Timedelta(hours=4)),
    "rounded numbers": lambda r: r.assign(humid=(r["humid"] / 10).round() * 10),
    "a sentinel for missing values": lambda r: r.assign(humid=r["humid"].mask(_draw(r) < 0.02, -999.0)),
    "labels missing not at random": lambda r: r.assign(late=r["late"].mask((r["late"] == 1) & (_draw(r) < 0.5))),
    "a view that is not refreshed": _stale,
}
"""Nineteen kinds of faults of a month of flights."""
