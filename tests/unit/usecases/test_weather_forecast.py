"""Cleaning and features of weather_forecast on small tables."""

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.period import Period
from include.specification.loader import load_usecase
from include.usecases.weather_forecast import features
from include.usecases.weather_forecast.request import AHEAD_SECONDS, on_request

MARCH = Period("2013-03-01")
FIRST = pd.Timestamp("2013-03-01", tz="UTC")


def readings(hours: list[int], origin: object = "EWR", **given: object) -> ibis.Table:
    """Raw readings, so many hours after the start of March."""
    times = [(FIRST + pd.Timedelta(hours=h)).strftime("%Y-%m-%dT%H:%M:%SZ") for h in hours]
    values = {name: given.get(name, [1.0] * len(hours)) for name in features.READINGS}
    return ibis.memtable(pd.DataFrame({"origin": origin, "time_hour": times} | values))


def cleaned(hours: list[int], **given: object) -> dict[str, ibis.Table]:
    return features.process({"weather": readings(hours, **given)})


def recent(now: dict[str, ibis.Table], before: dict[str, ibis.Table] | None = None) -> pd.DataFrame:
    history = {"weather": before["weather"]} if before else None
    return features.build(now, MARCH, history)["recent_weather"].order_by("event_timestamp").to_pandas()


def test_a_forecast_is_made_23_hours_before_and_its_truth_known_when_the_reading_is_published() -> None:
    event = cleaned([30], temp=[41.0])["events"].to_pandas().iloc[0]
    assert event.forecast_id == "EWR_2013-03-02T06"
    assert event.event_timestamp == pd.Timestamp("2013-03-01T07:00Z")
    assert event.temp_ahead == 41.0
    delay = pd.Timedelta(hours=load_usecase("weather_forecast").event.label_delay.hours)
    assert event.label_timestamp == pd.Timestamp("2013-03-02T07:00Z") == event.event_timestamp + delay


def test_the_forecasts_of_a_day_are_made_within_the_lead_before_its_hours_and_its_truth_by_its_end() -> None:
    """Also of the days of 23 and 25 hours."""
    spec = load_usecase("weather_forecast")
    for period in map(Period, ("2013-03-09", "2013-03-10", "2013-11-03")):
        begin, end = spec.calendar.window(period).utc()
        hours = [begin + pd.Timedelta(hours=h) for h in range(round((end - begin) / pd.Timedelta(hours=1)))]
        events = cleaned([round((hour - FIRST) / pd.Timedelta(hours=1)) for hour in hours])["events"].to_pandas()
        assert len(events) in (23, 24, 25)
        assert events.event_timestamp.min() == spec.event.lead.before(begin)
        assert events.event_timestamp.max() < end
        assert events.label_timestamp.max() == end


def test_nothing_but_the_label_is_known_after_the_forecast() -> None:
    spec = load_usecase("weather_forecast")
    columns = set(cleaned([0])["events"].columns)
    assert columns - {spec.event.label, spec.event.label_time} == set(spec.request)


def test_a_series_ends_with_the_hour_itself_and_is_known_an_hour_later() -> None:
    hours = list(range(30))
    rows = recent(cleaned(hours, temp=[float(h) for h in hours]))
    last = rows.iloc[-1]
    assert last.event_timestamp == FIRST + pd.Timedelta(hours=30)
    assert [last[f"temp_{i:02d}"] for i in range(features.HOURS)] == [float(h) for h in range(6, 30)]


def test_the_seasonal_baseline_is_the_same_hour_of_the_day_before() -> None:
    column = load_usecase("weather_forecast").trainer.baseline.feature
    forecast_at, hours = 40, list(range(40))
    row = recent(cleaned(hours, temp=[float(h) for h in hours])).set_index("event_timestamp")
    same_hour = forecast_at + features.AHEAD - 24
    assert row.loc[FIRST + pd.Timedelta(hours=forecast_at), column] == same_hour


def test_a_missing_hour_is_bridged_by_the_reading_before_it_for_three_hours() -> None:
    rows = recent(cleaned([0, 1, 8], temp=[10.0, 20.0, 30.0]))
    last = rows.iloc[-1]
    known = {i: last[f"temp_{i:02d}"] for i in range(24) if not np.isnan(last[f"temp_{i:02d}"])}
    assert known == {23: 30.0, 19: 20.0, 18: 20.0, 17: 20.0, 16: 20.0, 15: 10.0}


def test_windows_reach_into_the_day_before_without_its_rows() -> None:
    rows = recent(cleaned([24, 25], humid=[50.0, 60.0]), cleaned(list(range(20, 24)), humid=[1.0, 2.0, 3.0, 4.0]))
    assert len(rows) == 2
    assert rows.humid_22.tolist() == [4.0, 50.0]
    assert rows.humid_20.tolist() == [2.0, 3.0]


def test_an_impossible_wind_is_unknown_and_bridged() -> None:
    rows = recent(cleaned([0, 1], wind_speed=[12.0, 1048.4]))
    assert rows.wind_speed_23.tolist() == [12.0, 12.0]


station = st.dictionaries(st.integers(0, 40), st.one_of(st.none(), st.integers(0, 100)), min_size=1, max_size=20)


@settings(max_examples=2, deadline=None)  # each builds 135 windows; the stations are the examples
@given(st.lists(station, min_size=8, max_size=8))
def test_series_are_what_a_loop_computes(stations: list[dict[int, float | None]]) -> None:
    rows = [(f"S{i}", hour, one[hour]) for i, one in enumerate(stations) for hour in one]
    names, hours, pressure = zip(*rows, strict=True)
    found = recent(cleaned(list(hours), origin=list(names), pressure=np.array(pressure, dtype=float)))
    assert len(found) == sum(map(len, stations))
    for row in found.itertuples():
        observed, hour = stations[int(row.origin[1:])], (row.event_timestamp - FIRST) / pd.Timedelta(hours=1) - 1
        for ago in range(0, features.HOURS, 5):
            at = hour - ago
            standing_in = [observed[h] for h in (at, at - 1, at - 2, at - 3) if observed.get(h) is not None]
            value = getattr(row, f"pressure_{23 - ago:02d}")
            assert value == standing_in[0] if standing_in else np.isnan(value)


def test_the_time_features_are_of_the_hour_that_is_forecast() -> None:
    assert AHEAD_SECONDS == features.AHEAD * 3600
    made = [pd.Timestamp("2012-12-31T01:00Z").timestamp(), pd.Timestamp("2012-12-31T19:00Z").timestamp()]
    found = on_request({"event_timestamp": np.array(made)})
    assert found["hour_sin"] == pytest.approx([0.0, -1.0], abs=1e-9)
    assert found["hour_cos"] == pytest.approx([1.0, 0.0], abs=1e-9)
    assert found["year_sin"][0] == pytest.approx(0.0, abs=1e-9)
    assert found["year_cos"][0] == pytest.approx(1.0)
