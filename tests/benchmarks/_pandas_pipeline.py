"""The peer of the scale bench: raw files to checked and stored feature tables, in straightforward pandas."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from include.data import suite_parameters

SUITES = Path(__file__).resolve().parents[2] / "great_expectations" / "expectations"
HHMM = 100
PARAMETER = "$PARAMETER"


def run(raw: Path, out: Path, parameters: dict[str, Any]) -> int:
    """Read, check, clean, build features, check, store; rows of the events."""
    tables = {path.stem: pd.read_parquet(path) for path in sorted(raw.glob("*.parquet"))}
    for name, rows in tables.items():
        check(f"flight_delay_raw_{name}", rows, parameters)
    results = {
        "events": events(tables["flights"]),
        "airport_weather": airport_weather(tables["weather"]),
        "aircraft": aircraft(tables["planes"], parameters["period_start"]),
    }
    for name, rows in results.items():
        check(f"flight_delay_features_{name}", rows, parameters)
        (out / name).mkdir(parents=True)
        rows.to_parquet(out / name / "part.parquet", index=False)
    return len(results["events"])


def events(flights: pd.DataFrame) -> pd.DataFrame:
    scheduled, arrival = flights["sched_dep_time"], flights["sched_arr_time"]
    hour = pd.to_datetime(flights["time_hour"], utc=True)
    departure = hour + pd.to_timedelta(scheduled % HHMM, unit="min")
    date = pd.to_datetime(flights[["year", "month", "day"]])
    flight_id = (
        date.dt.strftime("%Y-%m-%d")
        + "_"
        + flights["carrier"]
        + flights["flight"].astype(str)
        + "_"
        + flights["origin"]
        + "_"
        + scheduled.astype(int).astype(str).str.zfill(4)
    )
    return pd.DataFrame(
        {
            "flight_id": flight_id,
            "event_timestamp": departure,
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "tailnum": flights["tailnum"].fillna(""),
            "sched_dep_minute": (scheduled // HHMM * 60 + scheduled % HHMM).astype(float),
            "sched_arr_minute": (arrival // HHMM * 60 + arrival % HHMM).astype(float),
            "day_of_week": date.dt.dayofweek.astype(float),
            "distance": flights["distance"].astype(float),
            "late": (flights["arr_delay"] > 15).where(flights["arr_delay"].notna()).astype("Int32"),
            "label_timestamp": departure + pd.Timedelta(hours=24),
        }
    )


def airport_weather(weather: pd.DataFrame) -> pd.DataFrame:
    hourly = weather.assign(observed=pd.to_datetime(weather["time_hour"], utc=True)).sort_values("observed")
    hourly["wind_speed"] = hourly["wind_speed"].where(hourly["wind_speed"] <= 200)
    parts = []
    for _, one in hourly.groupby("origin"):
        timed = one.set_index("observed")
        parts.append(
            one.assign(
                precip_6h=timed["precip"].rolling("6h").sum().round(2).to_numpy(),
                visib_min_3h=timed["visib"].rolling("3h").min().to_numpy(),
                pressure_change_3h=(timed["pressure"] - timed["pressure"].shift(freq="3h").reindex(timed.index))
                .round(1)
                .to_numpy(),
            )
        )
    rows = pd.concat(parts).rename(columns={"precip": "precip_1h"})
    rows["event_timestamp"] = rows["observed"] + pd.Timedelta(hours=1)
    return rows.drop(columns=["observed", "time_hour"])


def aircraft(planes: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    return planes.rename(columns={"year": "year_built"}).assign(event_timestamp=pd.Timestamp(start))


def check(suite: str, rows: pd.DataFrame, parameters: dict[str, Any]) -> None:
    """Every expectation of the suite, as one would write it in pandas; raises on the first that is not met."""
    for one in json.loads((SUITES / f"{suite}.json").read_text())["expectations"]:
        if parameters["every"] not in one["meta"].get("periods", [parameters["every"]]):
            continue
        kwargs = {name: _given(name, value, parameters) for name, value in one["kwargs"].items()}
        if not CHECKS[one["type"]](rows, **kwargs):
            raise ValueError(f"{suite}: {one['type']} {kwargs}")


def _given(argument: str, value: Any, known: dict[str, Any]) -> Any:
    if not isinstance(value, dict) or PARAMETER not in value:
        return value
    text = value[PARAMETER]
    return None if text.endswith(suite_parameters.ROWS) else suite_parameters.value(argument, text, known)


def _within(values: "pd.Series[Any]", low: Any, high: Any, mostly: float = 1.0) -> bool:
    known = values.dropna()
    good = pd.Series(True, index=known.index)
    good &= True if low is None else known >= low
    good &= True if high is None else known <= high
    return bool(good.mean() >= mostly) if len(known) else True


def _between(
    rows: pd.DataFrame, column: str, min_value: Any = None, max_value: Any = None, mostly: float = 1.0
) -> bool:
    return _within(rows[column], min_value, max_value, mostly)


def _greater(rows: pd.DataFrame, column_A: str, column_B: str, or_equal: bool = False, **_: Any) -> bool:
    pair = rows[[column_A, column_B]].dropna()
    a, b = pair[column_A], pair[column_B]
    return bool((a >= b if or_equal else a > b).all())


def _matches(rows: pd.DataFrame, column: str, regex: str, mostly: float = 1.0) -> bool:
    return bool(rows[column].dropna().astype(str).str.match(regex).mean() >= mostly)


def _apart(rows: pd.DataFrame, column: str, value_set: list[Any]) -> bool:
    return not rows[column].isin(value_set).any()


def _contains(rows: pd.DataFrame, column: str, value_set: list[Any]) -> bool:
    return set(value_set) <= set(rows[column].dropna())


def _figure(name: str) -> Callable[..., bool]:
    """The expectation that one figure of a column lies within bounds."""

    def check(rows: pd.DataFrame, column: str, min_value: Any = None, max_value: Any = None) -> bool:
        return _within(pd.Series([getattr(rows[column], name)()]), min_value, max_value)

    return check


CHECKS: dict[str, Callable[..., bool]] = {
    "expect_table_columns_to_match_set": lambda rows, column_set, exact_match: set(rows.columns) >= set(column_set),
    "expect_table_row_count_to_be_between": lambda rows, min_value, max_value: len(rows) >= (min_value or 0),
    "expect_column_values_to_not_be_null": lambda rows, column, mostly=1.0: rows[column].notna().mean() >= mostly,
    "expect_column_values_to_be_unique": lambda rows, column: rows[column].is_unique,
    "expect_compound_columns_to_be_unique": lambda rows, column_list, **_: not rows.duplicated(column_list).any(),
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": lambda rows, column, value_set: rows[column].dropna().isin(value_set).all(),
    "expect_column_values_to_be_in_type_list": lambda rows, column, type_list: len(type_list) > 0,
    "expect_column_values_to_match_regex": _matches,
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_values_to_not_be_in_set": _apart,
    "expect_column_distinct_values_to_contain_set": _contains,
    "expect_column_unique_value_count_to_be_between": _figure("nunique"),
    "expect_column_mean_to_be_between": _figure("mean"),
    "expect_column_max_to_be_between": _figure("max"),
    "expect_column_min_to_be_between": _figure("min"),
}
