"""Feast for real: point-in-time correctness, training/serving parity, and an online store that never goes back."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.adapters.feature_store import DEFINITIONS, FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.contracts.tables import SnapshotRef
from include.data import versioning
from include.errors import DataError, NotFoundError, SpecError
from include.settings import Settings
from include.usecases.flight_delay import features
from tests.integration.data_fixtures import DataRooms, served, validator  # noqa: F401
from tests.integration.state_fixtures import snapshots_in

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


def publish(home: Path, period: str = "2013-05", **views: pd.DataFrame) -> SnapshotRef:
    """These rows are the period's published feature views; views that are not named stay as they are."""
    snapshots, lake = snapshots_in(home), DeltaLake(home / "lake")
    current = snapshots.current(period)
    tables = dict(current.tables) if current else {}
    for view, rows in views.items():
        table = pa.Table.from_pandas(rows, preserve_index=False)
        tables[view] = lake.publish("flight_delay", view, table, period)
    snapshot = SnapshotRef(usecase="flight_delay", period=period, name=f"{period}-test", tables=tables)
    snapshots.replace(f"{period}.json", snapshot)
    return snapshot


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
    rows = {"airport_weather": pd.DataFrame(observed).astype({"temp": float}), "aircraft": pd.DataFrame(fleet)}
    publish(store._settings.home, **rows)
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


def test_no_feature_is_newer_than_its_event(served: DataRooms) -> None:  # noqa: F811
    events = versioning.read(versioning.snapshot("2013-02", served.snapshots), "events", served.lake).to_pandas()
    found = served.store.historical(SERVICE, events)
    assert len(found) == len(events)
    for view in served.spec.views:
        assert not (found[f"{view}__event_timestamp"] > found.event_timestamp).any()


def test_training_and_serving_see_the_same(served: DataRooms) -> None:  # noqa: F811
    served.publish("2013-03")
    snapshot = versioning.snapshot("2013-03", served.snapshots)
    weather = versioning.read(snapshot, "airport_weather", served.lake).to_pandas()
    hour = weather[weather.event_timestamp == pd.Timestamp("2013-03-08T15:00Z")]
    served.store.push("airport_weather", hour)
    events = versioning.read(snapshot, "events", served.lake).to_pandas()
    events = events[events.event_timestamp.between(hour.event_timestamp.iloc[0], at_most(hour))].head(40)
    trained = served.store.historical(SERVICE, events).to_dict("records")
    asked = events[["origin", "tailnum", "event_timestamp"]].to_dict("records")
    for row, online in zip(trained, served.store.online(SERVICE, asked), strict=True):
        offline = {name: None if pd.isna(row[name]) else row[name] for name in online}
        assert offline == online
    assert len(hour) == 3


def at_most(hour: pd.DataFrame) -> pd.Timestamp:
    return hour.event_timestamp.iloc[0] + pd.Timedelta(minutes=59)


def test_an_older_value_never_replaces_a_newer_one(store: FeastFeatureStore) -> None:
    key = [{"origin": "EWR", "tailnum": "N1"}]
    store.push("airport_weather", pd.DataFrame([weather("EWR", 5, 50.0)]))
    store.push("airport_weather", pd.DataFrame([weather("EWR", 4, 40.0)]))
    assert store.online(SERVICE, key)[0]["temp"] == 50.0
    publish(store._settings.home, airport_weather=pd.DataFrame([weather("EWR", 3, 30.0), weather("JFK", 3, 31.0)]))
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
    publish(store._settings.home, airport_weather=pd.DataFrame(rows))
    store.materialize(["airport_weather"], datetime(2013, 5, 1, tzinfo=UTC), at(3).to_pydatetime())
    assert store.online(SERVICE, [{"origin": "EWR", "tailnum": "N1"}])[0]["temp"] == 2.0


def test_applying_again_keeps_what_is_online(store: FeastFeatureStore) -> None:
    store.push("airport_weather", pd.DataFrame([weather("EWR", 0, 50.0)]))
    store.apply()
    assert store.online(SERVICE, [{"origin": "EWR", "tailnum": "N1"}])[0]["temp"] == 50.0


def test_a_view_expires_as_the_spec_says(served: DataRooms) -> None:  # noqa: F811
    for name, declared in served.spec.feature_views.items():
        assert served.store._definitions.view(name).ttl == timedelta(hours=declared.freshness_hours)
        assert set(served.store._definitions.view(name).join_keys) == {served.spec.entities[declared.entity].key}


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


def test_snapshots_say_what_is_read(store: FeastFeatureStore, tmp_path: Path) -> None:
    events = pd.DataFrame([{"flight_id": "f", "origin": "EWR", "tailnum": "N1", "event_timestamp": at(3)}])
    old = publish(tmp_path, airport_weather=pd.DataFrame([weather("EWR", 2, 20.0)]), aircraft=FLEET)
    publish(tmp_path, airport_weather=pd.DataFrame([weather("EWR", 2, 21.0)]))
    assert store.historical(SERVICE, events)["temp"].tolist() == [21.0]
    assert store.historical(SERVICE, events, [old])["temp"].tolist() == [20.0]
    assert store.historical(SERVICE, events)["temp"].tolist() == [21.0]
    with pytest.raises(NotFoundError, match="has no offline rows"):
        store.historical(SERVICE, events, [])


FLEET = pd.DataFrame([plane("N1", 0, 100.0)])


def test_events_from_a_file_give_the_same_as_a_frame(store: FeastFeatureStore, tmp_path: Path) -> None:
    publish(tmp_path, airport_weather=pd.DataFrame([weather("EWR", 2, 20.0)]), aircraft=FLEET)
    events = pd.DataFrame(
        [{"flight_id": f"f{n}", "origin": "EWR", "tailnum": "N1", "event_timestamp": at(n)} for n in range(20)]
    )
    events.to_parquet(tmp_path / "events.parquet")
    assert store.historical_file(SERVICE, tmp_path / "events.parquet", tmp_path / "out.parquet") == 20
    frame = store.historical(SERVICE, events)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), frame, check_dtype=False)
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".out")]
    assert not list((tmp_path / "staging").iterdir())
    with pytest.raises(NotFoundError, match="the file of events does not exist"):
        store.historical_file(SERVICE, tmp_path / "nothing.parquet", tmp_path / "out.parquet")
    with pytest.raises(DataError, match=r"already have the feature columns \['temp'\]"):
        store.historical_file(
            SERVICE,
            "SELECT 'EWR' AS origin, 'N1' AS tailnum, 1.0 AS temp, now() AS event_timestamp",
            tmp_path / "x.parquet",
        )


CHANGED = ("ttl=timedelta(hours=12)", "ttl=timedelta(hours=13)")
ADDED = ('Field(name="temp", dtype=Float64', 'Field(name="gust", dtype=Float64), Field(name="temp", dtype=Float64')
RENAMED = ('Field(name="temp", dtype=Float64', 'Field(name="temperature", dtype=Float64')
REWORDED = ('description="air temperature, °F"', 'description="temperature of the air"')


def redefined(home: Path, directory: Path, change: tuple[str, str]) -> FeastFeatureStore:
    """The same state under definitions of which one phrase is another."""
    text = (DEFINITIONS / "flight_delay.py").read_text()
    assert change[0] in text
    directory.mkdir()
    (directory / "flight_delay.py").write_text(text.replace(*change, 1))
    return FeastFeatureStore(Settings(home=home), directory)


def test_two_use_cases_that_define_one_name_differently_are_refused(tmp_path: Path) -> None:
    text = (DEFINITIONS / "flight_delay.py").read_text()
    directory = tmp_path / "definitions"
    directory.mkdir()
    (directory / "flight_delay.py").write_text(text)
    (directory / "other.py").write_text(text.replace("timedelta(hours=12)", "timedelta(hours=6)"))
    store = FeastFeatureStore(Settings(home=tmp_path), directory)
    with pytest.raises(SpecError, match=r"flight_delay.py and feature_repo/other.py both define the FeatureView 'airp"):
        store.apply()
    (directory / "other.py").write_text(text)
    store.apply()  # the same words twice are one definition


def test_what_a_release_was_built_with_stays(store: FeastFeatureStore, tmp_path: Path) -> None:
    kept = store.keep(SERVICE)
    assert store.keep(SERVICE) == kept
    for number, change in enumerate([CHANGED, RENAMED]):
        with pytest.raises(SpecError, match="new feature view and a new feature service"):
            redefined(tmp_path, tmp_path / f"{number}", change).apply()
    more = redefined(tmp_path, tmp_path / "more", ADDED)
    more.apply()  # nothing that the release reads
    assert more.keep(SERVICE).definitions != kept.definitions
    publish(tmp_path, airport_weather=pd.DataFrame([weather("EWR", 2, 20.0)]).assign(gust=1.0), aircraft=FLEET)
    events = pd.DataFrame([{"flight_id": "f", "origin": "EWR", "tailnum": "N1", "event_timestamp": at(3)}])
    assert "gust" in more.historical(SERVICE, events)
    assert "gust" not in more.historical(kept.kept_as, events)
    assert more.historical(kept.kept_as, events)["temp"].tolist() == [20.0]


def test_a_change_that_no_release_depends_on_is_free(store: FeastFeatureStore, tmp_path: Path) -> None:
    changed = redefined(tmp_path, tmp_path / "changed", CHANGED)
    changed.apply()
    digest = changed.keep(SERVICE).definitions
    reworded = redefined(tmp_path, tmp_path / "again", CHANGED)
    reworded.apply()
    assert reworded.keep(SERVICE).definitions == digest
    text = (tmp_path / "again" / "flight_delay.py").read_text().replace(*REWORDED)
    (tmp_path / "again" / "flight_delay.py").write_text(text)
    reworded.apply()
    assert reworded.keep(SERVICE).definitions == digest


def test_features_are_found_by_their_words(store: FeastFeatureStore) -> None:
    store.keep(SERVICE)
    assert len([f for f in store.search() if f.tags["usecase"] == "flight_delay"]) == 13
    assert [f.name for f in store.search("PRESSURE three hours")] == ["pressure_change_3h"]
    assert {f.view for f in store.search("planes flight-ops")} == {"aircraft"}
    assert store.search("no such feature") == []
    temp = next(f for f in store.search("air temperature") if f.name == "temp")
    assert (temp.view, temp.entity, temp.freshness_hours, temp.services) == (
        "airport_weather",
        "airport",
        12,
        [SERVICE],
    )


def test_every_feature_has_an_owner_and_words(store: FeastFeatureStore) -> None:
    for feature in store.search():
        assert feature.owner, feature.name
        assert feature.description, feature.name
        assert feature.tags["usecase"], feature.name


def test_environments_do_not_share_definitions_or_values(store: FeastFeatureStore, tmp_path: Path) -> None:
    dev = FeastFeatureStore(Settings(home=tmp_path, environment="dev"))
    dev.apply()
    dev.push("airport_weather", pd.DataFrame([weather("EWR", 5, 50.0)]))
    key = [{"origin": "EWR", "tailnum": "N1"}]
    assert dev.online(SERVICE, key)[0]["temp"] == 50.0
    assert store.online(SERVICE, key)[0]["temp"] is None


BROKEN = {
    "no Python": ("def (", r"feature_repo/broken.py:1: cannot be imported: SyntaxError"),
    "an import of nothing": ("import os\nimport nothing_there\n", r"broken.py:2: .*No module named 'nothing_there'"),
    "raises": ("x = 1\n\nraise ValueError('a value')\n", r"broken.py:3: cannot be imported: ValueError$"),
    "leaves the program": ("import sys\nsys.exit(3)\n", r"broken.py:2: cannot be imported: SystemExit$"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_feast_file_that_cannot_be_used_keeps_no_other_from_being_applied(tmp_path: Path, fault: str) -> None:
    directory = tmp_path / "definitions"
    shutil.copytree(DEFINITIONS, directory, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "broken.py").write_text(BROKEN[fault][0])
    store = FeastFeatureStore(Settings(home=tmp_path), directory)
    with pytest.raises(SpecError, match=BROKEN[fault][1]):
        store.apply()
    assert {file.stem for file in DEFINITIONS.glob("*.py")} == {
        service.name.removesuffix("_v1") for service in store._store.list_feature_services()
    }


def test_what_was_registered_of_a_file_stays_when_it_breaks(store: FeastFeatureStore, tmp_path: Path) -> None:
    directory = tmp_path / "definitions"
    directory.mkdir()
    (directory / "flight_delay.py").write_text("def (")
    with pytest.raises(SpecError, match=r"flight_delay\.py:1"):
        FeastFeatureStore(Settings(home=tmp_path), directory).apply()
    assert store.keep(SERVICE).name == SERVICE


def test_of_two_definitions_of_a_name_the_registered_one_stays(tmp_path: Path) -> None:
    text = (DEFINITIONS / "flight_delay.py").read_text()
    directory = tmp_path / "definitions"
    directory.mkdir()
    (directory / "flight_delay.py").write_text(text)
    store = FeastFeatureStore(Settings(home=tmp_path), directory)
    store.apply()
    (directory / "a_new_one.py").write_text(text.replace("timedelta(hours=12)", "timedelta(hours=6)"))
    with pytest.raises(SpecError, match=r"a_new_one.py"):
        store.apply()
    assert store._definitions.view("airport_weather").ttl == timedelta(hours=12)
