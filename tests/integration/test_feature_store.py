"""Feast for real: point-in-time correctness, training/serving parity, and an online store that never goes back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.adapters.feature_store import FeastFeatureStore
from include.contracts import Period
from include.data import versioning
from include.errors import DataError, NotFoundError
from include.settings import Settings
from include.usecases.flight_delay import features
from tests.integration.data_fixtures import DataRooms, served, validator  # noqa: F401

pytestmark = pytest.mark.integration
SERVICE = "flight_delay_v1"
START = pd.Timestamp("2013-05-01T00:00Z")
TTL = timedelta(hours=12)
AIRPORTS, PLANES = ["EWR", "JFK"], ["N1", "N2"]


@pytest.fixture
def store(tmp_path: Path) -> FeastFeatureStore:
    store = FeastFeatureStore(Settings(home=tmp_path))
    store.apply()
    return store


def weather(origin: str, hour: float, temp: float | None) -> dict:
    others = [name for name in features.READINGS if name not in ("temp", "precip")]
    names = [*others, "precip_1h", "precip_6h", "pressure_change_3h", "visib_min_3h"]
    return dict.fromkeys(names, 1.0) | {"origin": origin, "event_timestamp": at(hour), "temp": temp}


def plane(tailnum: str, hour: float, seats: float) -> dict:
    return {"tailnum": tailnum, "event_timestamp": at(hour), "seats": seats, "year_built": 2000.0, "engines": 2.0}


def at(hour: float) -> pd.Timestamp:
    return START + pd.Timedelta(hours=hour)


def known(rows: list[dict], key: str, event: dict, column: str, ttl: timedelta | None) -> float | None:
    """The value by definition: the newest row of the key, not newer than the event, within the ttl."""
    now = event["event_timestamp"]
    usable = [r for r in rows if r[key] == event[key] and r["event_timestamp"] <= now]
    newest = max(usable, key=lambda r: r["event_timestamp"], default=None)
    if newest is None or (ttl and now - newest["event_timestamp"] > ttl):
        return None
    return newest[column]


hours = st.integers(0, 60).map(lambda n: n / 2)
weather_rows = st.dictionaries(
    st.tuples(st.sampled_from(AIRPORTS), hours), st.none() | st.integers(0, 99), min_size=1, max_size=10
)
plane_rows = st.dictionaries(st.tuples(st.sampled_from(PLANES), hours), st.integers(1, 400), min_size=1, max_size=6)
event_rows = st.lists(
    st.tuples(st.sampled_from([*AIRPORTS, "LGA"]), st.sampled_from([*PLANES, "", "N9"]), hours), min_size=1, max_size=15
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(weather_rows, plane_rows, event_rows)
def test_the_join_is_point_in_time(store: FeastFeatureStore, weathers: dict, planes: dict, given_events: list) -> None:
    observed = [weather(o, h, None if t is None else float(t)) for (o, h), t in weathers.items()]
    fleet = [plane(tailnum, h, float(seats)) for (tailnum, h), seats in planes.items()]
    store.write_offline("airport_weather", "2013-05", pd.DataFrame(observed).astype({"temp": float}))
    store.write_offline("aircraft", "2013-05", pd.DataFrame(fleet))
    events = [
        {"flight_id": f"f{i}", "origin": o, "tailnum": t, "event_timestamp": at(h)}
        for i, (o, t, h) in enumerate(given_events)
    ]

    found = store.historical(SERVICE, pd.DataFrame(events))

    assert found.flight_id.tolist() == [e["flight_id"] for e in events]
    for row, event in zip(found.to_dict("records"), events, strict=True):
        temp = known(observed, "origin", event, "temp", TTL)
        seats = known(fleet, "tailnum", event, "seats", None)
        assert (None if pd.isna(row["temp"]) else row["temp"]) == temp
        assert (None if pd.isna(row["seats"]) else row["seats"]) == seats
        stamp = row["airport_weather__event_timestamp"]
        assert pd.isna(stamp) or stamp <= event["event_timestamp"]


def test_feasts_own_join_gives_the_same(served: DataRooms, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    events = versioning.read(versioning.snapshot("2013-02", served.snapshots), "events", served.lake).to_pandas()
    events = events.sample(3000, random_state=1).drop(columns=["late", "label_timestamp"])
    ours = served.store.historical(SERVICE, events).set_index("flight_id").sort_index()
    stock = FeastFeatureStore(Settings(home=served.home), offline_store="duckdb")
    monkeypatch.chdir(served.home / "feature_store")  # where Feast's own store looks for relative paths
    theirs = stock.historical(SERVICE, events).set_index("flight_id").sort_index()
    columns = [f.name for f in served.spec.features if f.origin in served.spec.views]
    pd.testing.assert_frame_equal(ours[columns], theirs[columns], check_dtype=False)


def test_no_feature_is_newer_than_its_event(served: DataRooms) -> None:  # noqa: F811
    events = versioning.read(versioning.snapshot("2013-02", served.snapshots), "events", served.lake).to_pandas()
    found = served.store.historical(SERVICE, events)
    assert len(found) == len(events)
    for view in served.spec.views:
        assert not (found[f"{view}__event_timestamp"] > found.event_timestamp).any()


def test_training_and_serving_see_the_same(served: DataRooms) -> None:  # noqa: F811
    march = features.live_rows(Period(key="2013-03"), served.landing)["airport_weather"]
    hour = march[march.event_timestamp == pd.Timestamp("2013-03-08T15:00Z")]
    upto = march[march.event_timestamp <= hour.event_timestamp.iloc[0]]
    served.store.push("airport_weather", hour)
    served.publish("2013-03")
    snapshot = versioning.snapshot("2013-03", served.snapshots)
    versioning.store_offline(served.spec, snapshot, served.lake, served.store)
    events = versioning.read(snapshot, "events", served.lake).to_pandas()
    events = events[events.event_timestamp.between(hour.event_timestamp.iloc[0], at_most(hour))].head(40)
    trained = served.store.historical(SERVICE, events).to_dict("records")
    asked = events[["origin", "tailnum", "event_timestamp"]].to_dict("records")
    for row, online in zip(trained, served.store.online(SERVICE, asked), strict=True):
        offline = {name: None if pd.isna(row[name]) else row[name] for name in online}
        assert offline == online
    assert len(upto) > len(hour) == 3


def at_most(hour: pd.DataFrame) -> pd.Timestamp:
    return hour.event_timestamp.iloc[0] + pd.Timedelta(minutes=59)


def test_an_older_value_never_replaces_a_newer_one(store: FeastFeatureStore) -> None:
    key = [{"origin": "EWR", "tailnum": "N1"}]
    store.push("airport_weather", pd.DataFrame([weather("EWR", 5, 50.0)]))
    store.push("airport_weather", pd.DataFrame([weather("EWR", 4, 40.0)]))
    assert store.online(SERVICE, key)[0]["temp"] == 50.0
    store.write_offline("airport_weather", "2013-05", pd.DataFrame([weather("EWR", 3, 30.0), weather("JFK", 3, 31.0)]))
    store.materialize(["airport_weather"], START, START + timedelta(days=31))
    assert [r["temp"] for r in store.online(SERVICE, [*key, {"origin": "JFK", "tailnum": ""}])] == [50.0, 31.0]
    store.push("airport_weather", pd.DataFrame([weather("EWR", 5, 51.0)]))
    assert store.online(SERVICE, key)[0]["temp"] == 51.0


def test_a_stale_value_is_unknown(store: FeastFeatureStore) -> None:
    store.push("airport_weather", pd.DataFrame([weather("EWR", 0, 50.0)]))
    asked = [{"origin": "EWR", "tailnum": "N1", "event_timestamp": at(hour)} for hour in (12, 12.5)]
    assert [row["temp"] for row in store.online(SERVICE, asked)] == [50.0, None]


def test_materialize_takes_the_newest_of_the_window(store: FeastFeatureStore) -> None:
    rows = [weather("EWR", hour, float(hour)) for hour in range(6)]
    store.write_offline("airport_weather", "2013-05", pd.DataFrame(rows))
    store.materialize(["airport_weather"], datetime(2013, 5, 1, tzinfo=UTC), at(3).to_pydatetime())
    assert store.online(SERVICE, [{"origin": "EWR", "tailnum": "N1"}])[0]["temp"] == 2.0


def test_applying_again_keeps_what_is_online(store: FeastFeatureStore) -> None:
    store.push("airport_weather", pd.DataFrame([weather("EWR", 0, 50.0)]))
    store.apply()
    assert store.online(SERVICE, [{"origin": "EWR", "tailnum": "N1"}])[0]["temp"] == 50.0


def test_a_view_expires_as_the_spec_says(served: DataRooms) -> None:  # noqa: F811
    for name, declared in served.spec.feature_views.items():
        assert served.store._view(name).ttl == timedelta(hours=declared.freshness_hours)
        assert set(served.store._view(name).join_keys) == {served.spec.entities[declared.entity].key}


def test_what_is_not_there_is_named(store: FeastFeatureStore) -> None:
    event = pd.DataFrame([{"origin": "EWR", "tailnum": "N1", "event_timestamp": at(0)}])
    with pytest.raises(NotFoundError, match="no feature service 'nothing'; registered"):
        store.historical("nothing", event)
    with pytest.raises(NotFoundError, match="no feature view 'nothing'; registered"):
        store.push("nothing", event)
    with pytest.raises(NotFoundError, match="'airport_weather' has no offline rows"):
        store.historical(SERVICE, event)
    with pytest.raises(DataError, match=r"lack \['seats'\]"):
        store.push("aircraft", pd.DataFrame([plane("N1", 0, 1.0)]).drop(columns="seats"))
    with pytest.raises(DataError, match=r"already have the feature columns \['temp'\]"):
        store.historical(SERVICE, event.assign(temp=1.0))
