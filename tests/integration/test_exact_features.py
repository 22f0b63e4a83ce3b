"""Ties, whole numbers and entity keys through the feature store: taken exactly, or refused by name."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.adapters.feature_store import FeastFeatureStore
from include.errors import DataError
from include.settings import Settings
from tests.integration.test_online_stores import READER, running

pytestmark = pytest.mark.integration
NOON = pd.Timestamp("2013-05-01T12:00Z")
LARGE = 2**53 + 1
DEFINITIONS = """
from datetime import timedelta
from feast import Entity, FeatureService, FeatureView, Field, FileSource, Project, ValueType
from feast.types import Array, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp
project = Project(name="moebius")
place = Entity(name="place", join_keys=["place"], value_type=ValueType.STRING)
machine = Entity(name="machine", join_keys=["machine"], value_type=ValueType.INT64)
part = Entity(name="part", join_keys=["part"], value_type=ValueType.INT32)
def source(name, **more):
    return FileSource(name=name, path="{home}/" + name + ".parquet", timestamp_field="event_timestamp", **more)
places = FeatureView(name="places", entities=[place], ttl=timedelta(0), source=source("places"),
    schema=[Field(name="place", dtype=String), Field(name="temp", dtype=Float64), Field(name="id", dtype=Int64),
            Field(name="word", dtype=String)])
machines = FeatureView(name="machines", entities=[machine], ttl=timedelta(0),
    source=source("machines", created_timestamp_column="created"),
    schema=[Field(name="machine", dtype=Int64), Field(name="level", dtype=Int64)])
parts = FeatureView(name="parts", entities=[part], ttl=timedelta(0), source=source("parts"),
    schema=[Field(name="part", dtype=Int32), Field(name="price", dtype=Float64)])
scale = Entity(name="scale", join_keys=["scale"], value_type=ValueType.DOUBLE)
scales = FeatureView(name="scales", entities=[scale], ttl=timedelta(0), source=source("scales"),
    schema=[Field(name="scale", dtype=Float64), Field(name="width", dtype=Float64)])
scaled = FeatureService(name="scaled", features=[scales])
stage = Entity(name="stage", join_keys=["stage"], value_type=ValueType.UNIX_TIMESTAMP)
stages = FeatureView(name="stages", entities=[stage], ttl=timedelta(0), source=source("stages"),
    schema=[Field(name="stage", dtype=UnixTimestamp), Field(name="mass", dtype=Float32), Field(name="raw", dtype=Bytes),
            Field(name="until", dtype=UnixTimestamp), Field(name="counts", dtype=Array(Int64)),
            Field(name="words", dtype=Array(String))])
mark = Entity(name="mark", join_keys=["mark"], value_type=ValueType.BYTES)
marks = FeatureView(name="marks", entities=[mark], ttl=timedelta(0), source=source("marks"),
    schema=[Field(name="mark", dtype=Bytes), Field(name="number", dtype=Int64)])
staged = FeatureService(name="staged", features=[stages])
marked = FeatureService(name="marked", features=[marks])
everything = FeatureService(name="all", features=[places, machines])
numbered = FeatureService(name="numbered", features=[machines, parts])
some = FeatureService(name="some", features=[places[["temp"]]])
"""


def opened(settings: Settings) -> FeastFeatureStore:
    home = settings.home / "definitions"
    home.mkdir(exist_ok=True)
    (home / "all.py").write_text(DEFINITIONS.replace("{home}", str(settings.home)))
    store = FeastFeatureStore(settings, home)
    store.apply()
    return store


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeastFeatureStore]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as settings:
        yield opened(settings)


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> FeastFeatureStore:
    return opened(Settings(home=tmp_path_factory.mktemp("offline")))


def place(key: Any, temp: float = 1.0, number: int | None = 1, word: str | None = "w", seconds: float = 0) -> dict:
    at = NOON + pd.Timedelta(seconds=seconds)
    return {"place": key, "event_timestamp": at, "temp": temp, "id": number, "word": word}


def machine(key: Any, level: int, created: float = 0, seconds: float = 0) -> dict:
    at, made = (NOON + pd.Timedelta(seconds=n) for n in (seconds, created))
    return {"machine": key, "event_timestamp": at, "created": made, "level": level}


def exact(rows: list[dict]) -> pd.DataFrame:
    """A frame whose integers with gaps did not pass through float64."""
    kinds = {"id": "Int64", "place": "string", "word": "string", "temp": float}
    return pd.DataFrame(rows, dtype=object).astype({**kinds, "event_timestamp": "datetime64[us, UTC]"})


def written(store: FeastFeatureStore, places: list[dict], machines: list[dict] | None = None) -> None:
    exact(places).to_parquet(store._settings.home / "places.parquet", index=False)
    frame = pd.DataFrame(machines or [machine(1, 1)])
    frame.to_parquet(store._settings.home / "machines.parquet", index=False)


def events(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"event_timestamp": [NOON + pd.Timedelta(hours=1)], "place": ["a"], "machine": [1], **columns})


TIED = [place("a", 1.0, LARGE, "x"), place("a", 2.0, None, "y"), place("a", 2.0, 7, None), place("a", 2.0, 7, "z")]


def test_ties_are_decided_by_the_row_alone_offline_and_online_alike(offline: FeastFeatureStore) -> None:
    for rows in (TIED, TIED[::-1], TIED[2:] + TIED[:2]):
        written(offline, rows)
        expected = {"temp": 1.0, "id": LARGE, "word": "x"}
        (found,) = offline.historical("all", events()).to_dict("records")
        assert {name: found[name] for name in expected} == expected
        assert offline.historical("some", events())["temp"].tolist() == [1.0]  # though it reads fewer features
        offline.materialize(["places"], NOON.to_pydatetime(), NOON.to_pydatetime() + pd.Timedelta(hours=1))
        offline.push("places", exact(rows))
        (known,) = offline.online("all", [{"place": "a", "machine": 1}])
        assert {name: known[name] for name in expected} == expected


def test_ties_of_time_are_decided_by_creation_in_every_store(store: FeastFeatureStore) -> None:
    for rows in ([machine(5, 1, 10), machine(5, 2, 5)], [machine(5, 2, 5), machine(5, 1, 10)]):
        store.push("machines", pd.DataFrame(rows))
        assert store.online("all", [{"place": "-", "machine": 5}])[0]["level"] == 1
    store.push("machines", pd.DataFrame([machine(5, 3, 7)]))  # written later, created earlier
    assert store.online("all", [{"place": "-", "machine": 5}])[0]["level"] == 1
    store.push("machines", pd.DataFrame([machine(5, 4, 11)]))
    assert store.online("all", [{"place": "-", "machine": 5}])[0]["level"] == 4


def test_entity_keys_that_are_whole_numbers_are_served_exactly(store: FeastFeatureStore) -> None:
    numbers = [0, 1, -1, LARGE - 1, LARGE, 2**63 - 1, -(2**63)]
    store.push("machines", pd.DataFrame([machine(number, level) for level, number in enumerate(numbers)]))
    rows = [{"part": part, "event_timestamp": NOON, "price": price} for part, price in ((-(2**31), 0.5), (7, 1.5))]
    store.push("parts", pd.DataFrame(rows))
    types, settings = store.keep("numbered").keys, store._settings
    features = {"machines": ["level"], "parts": ["price"]}
    views = {
        view: {"key": key, "key_type": kind, "features": features[view], "freshness_hours": 0}
        for view, keys in types.items() for key, kind in keys.items()
    }  # fmt: skip
    reader = READER.OnlineFeatures(settings.online_store_url, settings.feature_project, views, 60.0)
    asked, at = [*map(str, numbers), "2", None], NOON.timestamp()
    known = [*((level,) for level in range(len(numbers))), (None,), (None,)]
    assert reader.look_up({"machines": asked}, [at] * len(asked))["machines"][0] == known
    assert [reader.look_up({"machines": [key]}, [at])["machines"][0] for key in asked] == [[row] for row in known]
    assert reader.look_up({"parts": ["7", str(-(2**31))]}, [at] * 2)["parts"] == ([(1.5,), (0.5,)], None)


def test_nan_is_as_missing_as_null_in_every_choice(offline: FeastFeatureStore) -> None:
    rows = exact([place("a", 5.0), place("a", 0.0)])
    nan = pa.Table.from_pandas(rows).set_column(2, "temp", pa.array([float("nan"), 0.0]))
    for order in ([0, 1], [1, 0]):
        written(offline, [place("a")])
        pq.write_table(nan.take(order), offline._settings.home / "places.parquet")
        assert offline.historical("some", events())["temp"].tolist() == [0.0]
        offline.materialize(["places"], NOON.to_pydatetime(), NOON.to_pydatetime() + pd.Timedelta(hours=1))
        assert offline.online("some", [{"place": "a"}])[0]["temp"] == 0.0


def test_a_stored_key_that_is_nan_is_missing(offline: FeastFeatureStore) -> None:
    """Parquet's statistics leave NaN out, and DuckDB's isnan() believes them."""
    written(offline, [place("a")], [machine(float("nan"), 1), machine(1.0, 2)])
    nan = pq.read_table(offline._settings.home / "machines.parquet")
    nan = nan.set_column(0, "machine", pa.array([float("nan"), 1.0]))
    pq.write_table(nan, offline._settings.home / "machines.parquet")
    assert offline.historical("all", events())["level"].tolist() == [2]


def test_events_that_are_a_query_may_end_in_a_comment(offline: FeastFeatureStore, tmp_path: Path) -> None:
    written(offline, [place("a", 5.0)])
    query = "SELECT 'a' AS place, 1 AS machine, TIMESTAMPTZ '2013-05-01 13:00+00' AS event_timestamp -- all"
    assert offline.historical_file("all", query, tmp_path / "out.parquet") == 1


def test_pushed_columns_that_stand_twice_and_times_out_of_range_are_refused(offline: FeastFeatureStore) -> None:
    row = pd.DataFrame([place("p")])
    with pytest.raises(DataError, match=r"have the columns \['temp'\] twice"):
        offline.push("places", pd.concat([row, row[["temp"]]], axis=1))
    far = row.astype({"event_timestamp": object}).assign(event_timestamp=[datetime(9999, 1, 1, tzinfo=UTC)])
    with pytest.raises(DataError, match="column 'event_timestamp' has a time that is not from 1678 to 2261"):
        offline.push("places", far)


def test_times_of_one_second_are_no_tie_online(store: FeastFeatureStore) -> None:
    store.push("places", pd.DataFrame([place("s", 0.7, seconds=0.7)]))
    store.push("places", pd.DataFrame([place("s", 0.2, seconds=0.2)]))
    assert store.online("some", [{"place": "s"}])[0]["temp"] == 0.7


def test_integers_with_gaps_are_exact_offline_and_online(offline: FeastFeatureStore, tmp_path: Path) -> None:
    written(offline, [place("a", 1.0, LARGE), place("b", 1.0, None), place("c", 1.0, -LARGE)])
    asked = pd.concat([events(place=[key]) for key in "abc"], ignore_index=True)
    asked["own"] = pd.array([LARGE, None, 1], dtype="Int64")
    found = offline.historical("all", asked)
    assert found["id"].tolist() == [LARGE, pd.NA, -LARGE]
    assert found["own"].tolist() == [LARGE, pd.NA, 1]
    asked.to_parquet(tmp_path / "asked.parquet")
    offline.historical_file("all", tmp_path / "asked.parquet", tmp_path / "out.parquet")
    read = pd.read_parquet(tmp_path / "out.parquet", dtype_backend="numpy_nullable")
    assert [read["id"].tolist(), read["own"].tolist()] == [found["id"].tolist(), found["own"].tolist()]
    offline.materialize(["places"], NOON.to_pydatetime(), NOON.to_pydatetime() + pd.Timedelta(hours=1))
    keys = [{"place": key, "machine": 1} for key in "abc"]
    assert [row["id"] for row in offline.online("all", keys)] == [LARGE, None, -LARGE]


def test_keys_that_no_online_store_holds_are_refused(offline: FeastFeatureStore) -> None:
    why = "feature view 'scales': its keys 'scale' are Float64, which no online store holds; declare one of String"
    with pytest.raises(DataError, match=why):
        offline.push("scales", pd.DataFrame({"scale": [0.5], "event_timestamp": [NOON], "width": [1.0]}))
    with pytest.raises(DataError, match=why):
        offline.online("scaled", [{"scale": 0.5}])


@pytest.mark.parametrize(
    ("keys", "levels"),
    [
        (pd.Series([Decimal(LARGE), Decimal("NaN"), Decimal("3.0")], dtype=object), [1, pd.NA, 3]),
        (pd.Series([Decimal("3.000")] * 3, dtype=object), [3, 3, 3]),
        (pd.Series([3.0] * 3, dtype="float16"), [3, 3, 3]),
    ],
    ids=["decimals", "decimals of few digits", "float16"],
)
def test_whole_numbers_of_any_type_are_keys(offline: FeastFeatureStore, keys: pd.Series, levels: list) -> None:
    written(offline, [place("a")], [machine(LARGE, 1), machine(LARGE - 1, 2), machine(3, 3)])
    asked = pd.concat([events()] * 3, ignore_index=True).assign(machine=keys)
    assert offline.historical("all", asked)["level"].tolist() == levels


@pytest.mark.parametrize("key", [Decimal("1.5"), Decimal(2**63), Decimal(-(2**70))], ids=str)
def test_a_decimal_that_is_no_whole_number_of_the_type_is_refused(offline: FeastFeatureStore, key: Decimal) -> None:
    written(offline, [place("a")])
    with pytest.raises(DataError, match="column 'machine' has a value that is no exact Int64, row 1"):
        offline.historical("all", events(machine=[key]))


WRONG_KEYS: dict[str, tuple[dict[str, Any], str]] = {
    "number for text": ({"place": [7]}, r"column 'place' is int64, and its entity's keys are String"),
    "text for number": ({"machine": ["1"]}, r"column 'machine' is string, and its entity's keys are Int64"),
    "truth for number": ({"machine": [True]}, r"column 'machine' is bool"),
    "a fraction": ({"machine": [1.5]}, r"column 'machine' has a value that is no exact Int64, row 1"),
    "beyond float64": ({"machine": [float(2**54)]}, r"no exact Int64, row 1"),
    "the first that float64 rounds": ({"machine": [float(LARGE)]}, r"no exact Int64, row 1"),
    "the first that float32 rounds": ({"machine": pd.Series([2**24], dtype="float32")}, r"no exact Int64, row 1"),
    "a time that is text": (
        {"event_timestamp": ["2013-05-01"]},
        r"column 'event_timestamp' is string and must hold",
    ),
}


@pytest.mark.parametrize("fault", WRONG_KEYS)
def test_entity_keys_of_another_type_are_refused(offline: FeastFeatureStore, fault: str) -> None:
    written(offline, [place("a"), place("7")])
    columns, why = WRONG_KEYS[fault]
    with pytest.raises(DataError, match=why):
        offline.historical("all", events(**columns))


def test_entity_keys_of_mixed_types_are_refused_without_a_value(offline: FeastFeatureStore) -> None:
    written(offline, [place("a")])
    mixed = pd.concat([events(), events(place=[4711])])
    with pytest.raises(DataError, match=r"column 'place' holds values of several types .*int, str") as raised:
        offline.historical("all", mixed)
    assert "4711" not in str(raised.value)


@pytest.mark.parametrize("none", [None, float("nan"), pd.NA, pd.NaT], ids=repr)
def test_entity_keys_that_are_missing_are_nulls(offline: FeastFeatureStore, none: Any) -> None:
    written(offline, [place("a", 5.0), place(None, 9.0)], [machine(1, 3)])
    offline.materialize(["places", "machines"], NOON.to_pydatetime(), NOON.to_pydatetime() + pd.Timedelta(hours=1))
    some = offline.historical("all", pd.concat([events(), events(place=[none], machine=[none])], ignore_index=True))
    assert [some["temp"].tolist()[0], pd.isna(some["temp"][1]), pd.isna(some["level"][1])] == [5.0, True, True]
    keys = [{"place": "a", "machine": none}, {"place": none, "machine": 1}, {"place": "a"}]
    assert [row["temp"] for row in offline.online("all", keys)] == [5.0, None, 5.0]
    assert [row["level"] for row in offline.online("all", keys)] == [None, 3, None]


def test_integer_keys_with_gaps_match_exactly(offline: FeastFeatureStore) -> None:
    written(offline, [place("a")], [machine(LARGE, 1), machine(LARGE - 1, 2), machine(3, 3)])
    whole = pd.concat([events(machine=[n]) for n in (LARGE, None, 3)], ignore_index=True)
    whole["machine"] = pd.array([LARGE, None, 3], dtype="Int64")
    assert offline.historical("all", whole)["level"].tolist() == [1, pd.NA, 3]
    floats = whole.assign(machine=[3.0, float("nan"), 3.0])
    assert offline.historical("all", floats)["level"].tolist() == [3, pd.NA, 3]


@pytest.mark.parametrize(("key", "why"), [({"place": 7}, "key 'place' must be String"), ({"machine": "1"}, "Int64")])
def test_online_keys_of_another_type_are_refused(offline: FeastFeatureStore, key: dict, why: str) -> None:
    with pytest.raises(DataError, match=why):
        offline.online("all", [{"place": "a", "machine": 1, **key}])
    with pytest.raises(DataError, match=r"the keys lack \['machine'\]"):
        offline.online("all", [{"place": "a"}])


PUSHED = {
    "text for a number": ({"temp": "1.0"}, "column 'temp' must be Float64 and is string"),
    "number for text": ({"word": 5}, "column 'word' must be String and is int64"),
    "a fraction for an integer": ({"id": 1.5}, "column 'id' must be Int64.*: 1 of 1 values, the first in row 1"),
    "an integer that float64 rounded": (
        {"id": float(2**60)},
        "column 'id' must be Int64, and float64 cannot hold so large ones exactly",
    ),
    "the first integer that float64 rounds": ({"id": float(LARGE)}, "column 'id' must be Int64, and float64 cannot"),
    "the first integer that float32 rounds": (
        {"id": np.float32(2**24)},
        "column 'id' must be Int64, and float32 cannot",
    ),
    "an integer that float64 would round": ({"temp": LARGE}, "column 'temp' must be Float64, which cannot hold them"),
    "no key": ({"place": None}, "column 'place' lacks 1 of 1 values, the first in row 1"),
    "no time": ({"event_timestamp": pd.NaT}, "column 'event_timestamp' lacks 1 of 1 values"),
    "a time that is text": ({"event_timestamp": "today"}, "column 'event_timestamp' is object and must hold times"),
}


@pytest.mark.parametrize("fault", PUSHED)
def test_pushed_values_of_another_type_are_refused(offline: FeastFeatureStore, fault: str) -> None:
    change, why = PUSHED[fault]
    with pytest.raises(DataError, match=f"rows for feature view 'places': {why}"):
        offline.push("places", pd.DataFrame([place("p") | change]))


HALF = pd.Timedelta("0.5s")
STAGE: dict[str, Any] = {
    "stage": NOON, "event_timestamp": NOON, "mass": 0.5, "raw": b"\xff\0", "until": NOON, "counts": [LARGE],
    "words": [],
}  # fmt: skip
STAGES: dict[str, tuple[dict[str, Any], str]] = {
    "beyond float32": ({"mass": 1e39}, "column 'mass' must be Float32, which cannot hold them exactly: 1 of 1"),
    "zero in float32": ({"mass": 1e-50}, "column 'mass' must be Float32, which cannot hold them exactly"),
    "another integer in float32": ({"mass": 2**24 + 1}, "column 'mass' must be Float32, which cannot hold them"),
    "text for bytes": ({"raw": "a"}, "column 'raw' must be Bytes and is string"),
    "empty bytes": ({"raw": b""}, "column 'raw' must be Bytes and is empty, which Feast takes for missing"),
    "half a second": ({"until": NOON + HALF}, "column 'until' must be UnixTimestamp, which cannot hold them exactly"),
    "a key of half a second": ({"stage": NOON + HALF}, "column 'stage' must be UnixTimestamp, which cannot hold"),
    "text for a time": ({"until": "2013"}, "column 'until' must be UnixTimestamp and is string"),
    "a number for a time": ({"until": 1}, "column 'until' must be UnixTimestamp and is int64"),
    "a gap in a list": ({"counts": [1, None]}, "column 'counts' must be lists of Int64, of which no element may lack"),
    "a gap in a list of texts": ({"words": ["a", None]}, "column 'words' must be lists of String, of which no element"),
    "fractions in a list": ({"counts": [1.5]}, "column 'counts', list by list, must be Int64, which cannot hold them"),
    "text in a list": ({"counts": ["4711"]}, "column 'counts', list by list, must be Int64 and is string"),
    "no list": ({"counts": 1}, "column 'counts' must be lists of Int64 and is int64"),
    "surrogates": ({"words": ["\ud800"]}, "column 'words' must be lists of String and holds list"),
}


def stages(**change: Any) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([value]) for name, value in (STAGE | change).items()})


@pytest.mark.parametrize("fault", STAGES)
def test_values_that_feast_would_store_as_others_are_refused(offline: FeastFeatureStore, fault: str) -> None:
    change, why = STAGES[fault]
    with pytest.raises(DataError, match=f"rows for feature view 'stages': {why}") as caught:
        offline.push("stages", stages(**change))
    assert "4711" not in str(caught.value)


def test_values_of_every_declared_type_come_back_as_they_were_pushed(offline: FeastFeatureStore) -> None:
    offline.push("stages", stages())
    found = offline.online("staged", [{"stage": NOON}, {"stage": None}])
    assert found[0] == {name: STAGE[name] for name in ("mass", "raw", "until", "counts", "words")}
    assert {*found[1].values()} == {None}


def test_a_missing_key_of_bytes_is_no_entity(offline: FeastFeatureStore) -> None:
    offline.push("marks", pd.DataFrame({"mark": [b"a", b"a\0"], "event_timestamp": NOON, "number": [1, 2]}))
    asked = [{"mark": b"a"}, {"mark": None}, {"mark": b"a\0"}]
    assert [row["number"] for row in offline.online("marked", asked)] == [1, None, 2]


def test_columns_of_events_are_kept_apart_from_features_and_internal_names(
    offline: FeastFeatureStore, tmp_path: Path
) -> None:
    written(offline, [place("a", 5.0)])
    internal = [
        "Temp",
        "__time",
        "__row",
        "row",
        "time",
        "k0",
        "c0",
        "f0",
        "id_view_0",
        "known",
        "view_0",
        "events",
        "matched",
    ]
    own = {name: [f"own {name}"] for name in internal}
    asked = events(**own)
    found = offline.historical("all", asked)
    assert found["temp"].tolist() == [5.0]
    pd.testing.assert_frame_equal(found[asked.columns], asked)
    asked.to_parquet(tmp_path / "asked.parquet")
    offline.historical_file("all", tmp_path / "asked.parquet", tmp_path / "out.parquet")
    read = pd.read_parquet(tmp_path / "out.parquet")
    assert read.columns.tolist() == found.columns.tolist()
    assert [read["temp"].tolist(), read["Temp"].tolist()] == [[5.0], ["own Temp"]]
    with pytest.raises(DataError, match=r"events have the columns \['row'\] twice"):
        offline.historical("all", pd.concat([asked, asked[["row"]]], axis=1))
