"""A source of made-up flights and weather in files of one period each, which may still grow."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from include.contracts.calendar import Calendar
from include.contracts.period import Period

AIRPORTS, CARRIERS, PLACES = ("EWR", "JFK", "LGA"), ("AA", "B6", "DL", "UA"), ("ATL", "BOS", "LAX", "MIA", "ORD")
TAILS = tuple(f"N{number:04d}" for number in range(120))
LOCAL = "America/New_York"
NOISE = 25  # minutes; what no feature tells


@dataclass(frozen=True)
class Feed:
    """Files ``<directory>/<period>/<table>.parquet`` of the flights and the weather, and one of all planes."""

    directory: Path
    calendar: Calendar

    def write(self, period: str, table: str, rows: pd.DataFrame) -> None:
        (self.directory / period).mkdir(parents=True, exist_ok=True)
        rows.to_parquet(self.directory / period / f"{table}.parquet", index=False)

    def read(self, period: str, table: str) -> pd.DataFrame:
        return pd.read_parquet(self.directory / period / f"{table}.parquet")

    def fill(self, periods: list[Period], flights: int, drifted: frozenset[Period] = frozenset()) -> None:
        """So many flights in each of the periods, and a reading an hour and airport; all planes."""
        self.write("registry", "planes", _planes())
        for number, period in enumerate(periods):
            random = np.random.default_rng(number)
            start, end = (pd.Timestamp(moment) for moment in self.calendar.window(period).utc())
            self.write(period, "weather", _weather(start, end, random))
            self.write(period, "flights", _flights(start, end, flights, number, random, period in drifted))


def _planes() -> pd.DataFrame:
    number = np.arange(len(TAILS))
    return pd.DataFrame({"tailnum": TAILS, "year": 1990.0 + number % 20, "engines": 2.0, "seats": 50.0 + number})


def _weather(start: pd.Timestamp, end: pd.Timestamp, random: np.random.Generator) -> pd.DataFrame:
    hours = pd.date_range(start.ceil("h"), end, freq="h", inclusive="left")
    rows = pd.MultiIndex.from_product([AIRPORTS, hours], names=["origin", "time_hour"]).to_frame(index=False)
    temp = 50 + 20 * np.sin(rows["time_hour"].dt.hour * np.pi / 12)
    return rows.assign(
        temp=temp, dewp=temp - 5, humid=60.0, wind_speed=random.uniform(0, 30, len(rows)).round(1), precip=0.0,
        pressure=1015.0, visib=10.0,
    )  # fmt: skip


def _flights(
    start: pd.Timestamp, end: pd.Timestamp, count: int, number: int, random: np.random.Generator, drifted: bool
) -> pd.DataFrame:
    """Flights spread over the period; later in the hour and farther is later, the other way round when ``drifted``."""
    minutes = np.linspace(0, (end - start).total_seconds() / 60 - 1, count).astype(int)
    departure = start + pd.to_timedelta(minutes, unit="min")
    local = departure.tz_convert(LOCAL)
    distance = random.integers(200, 2600, count)
    sign = -1 if drifted else 1
    delay = sign * (distance - 1400) / 30 + random.normal(0, NOISE, count) + 10
    return pd.DataFrame(
        {
            "year": local.year, "month": local.month, "day": local.day,
            "sched_dep_time": local.hour * 100 + local.minute,
            "sched_arr_time": (local.hour + 2) % 24 * 100 + local.minute,
            "arr_delay": delay.round().clip(-100, 500),
            "carrier": random.choice(CARRIERS, count), "flight": number * count + np.arange(count),
            "tailnum": random.choice(TAILS, count), "origin": random.choice(AIRPORTS, count),
            "dest": random.choice(PLACES, count), "distance": distance, "time_hour": departure.floor("h"),
        }
    )  # fmt: skip
