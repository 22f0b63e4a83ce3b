"""Source, cleaning and features of flight_delay on small tables."""

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.period import Period
from include.specification.loader import load_usecase
from include.usecases import nycflights
from include.usecases.flight_delay import features
from include.usecases.flight_delay.request import on_request

MARCH = Period("2013-03")
FLIGHT = {
    "year": 2013, "month": 3, "day": 10, "sched_dep_time": 515, "sched_arr_time": 2400, "arr_delay": 15.0,
    "carrier": "UA", "flight": 1545, "tailnum": "N14228", "origin": "EWR", "dest": "IAH", "distance": 1400,
    "time_hour": "2013-03-10T09:00:00Z",
}  # fmt: skip

PLANES = ibis.memtable(pd.DataFrame({"tailnum": ["N1"], "year_built": [1.0], "seats": [1.0], "engines": [1.0]}))


def events(**changes: object) -> pd.Series:
    raw = {
        "flights": ibis.memtable(pd.DataFrame([FLIGHT | changes])),
        "weather": ibis.memtable(weather("EWR", [0])),
        "planes": ibis.memtable(pd.DataFrame({"tailnum": ["N1"], "year": [2000.0], "engines": [2], "seats": [55]})),
    }
    return features.process(raw)["events"].to_pandas().iloc[0]


def weather(origin: str, hours: list[int], **readings: list[float]) -> pd.DataFrame:
    rows = pd.DataFrame(
        {"origin": origin, "time_hour": [f"2013-03-{1 + h // 24:02d}T{h % 24:02d}:00:00Z" for h in hours]}
    )
    return rows.assign(**{name: readings.get(name, [1.0] * len(hours)) for name in features.READINGS})


def airport_weather(now: pd.DataFrame, before: pd.DataFrame | None = None) -> pd.DataFrame:
    tables = {"weather": nycflights.weather(ibis.memtable(now), features.READINGS), "planes": PLANES}
    history = None if before is None else {"weather": nycflights.weather(ibis.memtable(before), features.READINGS)}
    return features.build(tables, MARCH, history)["airport_weather"].order_by("event_timestamp").to_pandas()


def test_an_event_is_known_by_its_schedule() -> None:
    event = events()
    assert event.flight_id == "2013-03-10_UA1545_EWR_0515"
    assert event.event_timestamp == pd.Timestamp("2013-03-10T09:15Z")
    assert event.label_timestamp == pd.Timestamp("2013-03-11T09:15Z")
    assert (event.sched_dep_minute, event.sched_arr_minute, event.day_of_week) == (315, 1440, 6)


@pytest.mark.parametrize(("delay", "late"), [(15.0, 0), (15.5, 1), (-20.0, 0)])
def test_late_is_more_than_15_minutes(delay: float, late: int) -> None:
    assert events(arr_delay=delay).late == late


def test_a_cancelled_flight_has_no_label_and_a_missing_tail_number_is_empty() -> None:
    event = events(arr_delay=np.nan, tailnum=None)
    assert pd.isna(event.late)
    assert event.tailnum == ""


def test_no_event_column_is_known_only_after_departure() -> None:
    assert set(events().index) - {"late", "label_timestamp"} <= set(features._spec().request)


def test_weather_is_known_an_hour_after_its_observation() -> None:
    assert airport_weather(weather("EWR", [5])).event_timestamp[0] == pd.Timestamp("2013-03-01T06:00Z")


def test_windows_count_hours_not_rows() -> None:
    rows = airport_weather(weather("EWR", [0, 1, 9], precip=[0.1, 0.2, 0.4], pressure=[1000.0, 1001, 1002]))
    assert rows.precip_6h.tolist() == pytest.approx([0.1, 0.3, 0.4])
    assert rows.pressure_change_3h.isna().all()


def test_windows_reach_into_the_month_before_without_its_rows() -> None:
    before = weather("EWR", [20, 21, 22, 23], pressure=[990.0] * 4, visib=[0.5] * 4)
    rows = airport_weather(weather("EWR", [24, 25, 26], pressure=[1000.0] * 3, visib=[9.0] * 3), before)
    assert len(rows) == 3
    assert rows.pressure_change_3h.tolist() == [10.0, 10.0, 10.0]
    assert rows.visib_min_3h.tolist() == [0.5, 0.5, 9.0]


@pytest.mark.parametrize(
    ("zone", "begin"), [("America/New_York", "2013-03-01T05:00Z"), ("Asia/Seoul", "2013-02-28T15:00Z")]
)
def test_a_registry_is_valid_from_the_first_moment_of_the_local_month(
    monkeypatch: pytest.MonkeyPatch, zone: str, begin: str
) -> None:
    spec = load_usecase("flight_delay")
    periods = spec.periods.model_copy(update={"timezone": zone})
    monkeypatch.setattr(features, "_spec", lambda: spec.model_copy(update={"periods": periods}))
    readings = nycflights.weather(ibis.memtable(weather("EWR", [0])), features.READINGS)
    built = features.build({"weather": readings, "planes": PLANES}, MARCH)["aircraft"].to_pandas()
    assert built["event_timestamp"].tolist() == [pd.Timestamp(begin)]


def test_an_impossible_wind_is_unknown() -> None:
    rows = airport_weather(weather("EWR", [0, 1], wind_speed=[1048.4, 12.0]))
    assert np.isnan(rows.wind_speed[0])
    assert rows.wind_speed[1] == 12.0


readings = st.one_of(st.none(), st.integers(0, 100).map(lambda n: n / 100))


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.integers(0, 40), st.tuples(readings, readings), min_size=1, max_size=25))
def test_windows_are_what_a_loop_computes(observed: dict[int, tuple[float | None, float | None]]) -> None:
    hours = sorted(observed)
    precip = {h: observed[h][0] for h in hours}
    visib = {h: observed[h][1] for h in hours}
    found = airport_weather(weather("EWR", hours, precip=list(precip.values()), visib=list(visib.values())))
    for row, hour in zip(found.itertuples(), hours, strict=True):
        rain = [precip[h] for h in range(hour - 5, hour + 1) if precip.get(h) is not None]
        sight = [visib[h] for h in range(hour - 2, hour + 1) if visib.get(h) is not None]
        assert row.precip_6h == pytest.approx(sum(rain)) if rain else np.isnan(row.precip_6h)
        assert row.visib_min_3h == min(sight) if sight else np.isnan(row.visib_min_3h)


def test_speed_is_distance_by_scheduled_hours() -> None:
    fields = {"distance": [600.0, 100.0, 50.0], "sched_dep_minute": [60, 1430, 5], "sched_arr_minute": [120, 50, 5]}
    speed = on_request({name: np.array(values, dtype=float) for name, values in fields.items()})["scheduled_speed"]
    assert speed[:2].tolist() == [600.0, 100.0]
    assert np.isnan(speed[2])
