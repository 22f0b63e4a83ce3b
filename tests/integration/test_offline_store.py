"""Our offline store against Feast's own DuckDB store on random data, both through Feast's interface."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.data_format import DeltaFormat
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.repo_config import RepoConfig
from feast.types import Float64, Int64, String
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from include.adapters.lake import DeltaLake
from include.contracts.tables import SnapshotRef
from include.errors import DamagedFileError, DataError, NotFoundError
from include.formats.atomic_file import write_atomically
from include.formats.proved_parquet import named_digest

pytestmark = pytest.mark.integration
START = pd.Timestamp("2013-05-01T00:00Z")
ASOF = "include.adapters.asof.store.AsofOfflineStore"
PLACE = Entity(name="place", join_keys=["place"], value_type=ValueType.STRING)
MACHINE = Entity(name="machine", join_keys=["machine"], value_type=ValueType.INT64)


class Twins:
    """The same rows and definitions under both stores."""

    def __init__(self, home: Path, ttl: int, created: str = "created") -> None:
        self.home = home
        self.ours = self._store(
            "ours", {"type": ASOF, "lake": str(home / "lake"), "snapshots": str(home / "snapshots")}
        )
        self.stock = self._store("stock", {"type": "duckdb"})
        self.ours.apply(
            views(
                ttl, created, lambda v: FileSource(path=f"lake/u/{v}", file_format=DeltaFormat(), **named(v, created))
            )
        )
        self.stock.apply(
            views(ttl, created, lambda v: FileSource(path=str(home / f"{v}.parquet"), **named(v, created)))
        )

    def _store(self, name: str, offline: dict[str, str]) -> FeatureStore:
        registry = {"registry_type": "file", "path": str(self.home / f"{name}.registry"), "cache_ttl_seconds": 600}
        online = {"type": "sqlite", "path": str(self.home / f"{name}.db")}
        config = RepoConfig(
            project="t", provider="local", registry=registry, offline_store=offline, online_store=online,
            entity_key_serialization_version=3, repo_path=self.home,
        )  # fmt: skip
        return FeatureStore(config=config)

    def publish(self, readings: pd.DataFrame, tours: pd.DataFrame) -> None:
        lake = DeltaLake(self.home / "lake")
        tables = {}
        for view, rows in {"readings": readings, "tours": tours}.items():
            rows.to_parquet(self.home / f"{view}.parquet", index=False, coerce_timestamps="us")
            tables[view] = lake.publish("u", view, pa.Table.from_pandas(rows, preserve_index=False), "2013-05")
        snapshot = SnapshotRef(usecase="u", period="2013-05", name="s", tables=tables)
        write_atomically(self.home / "snapshots" / "u" / "2013-05.json", snapshot.model_dump_json())

    def both(self, events: Any, service: str = "all", **options: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Results in the same order of rows; without the columns only ours has."""
        stores = (self.ours, self.stock)
        jobs = [s.get_historical_features(events, s.get_feature_service(service), **options) for s in stores]
        ours, stock = (plain(job.to_df()).sort_values("event_id", ignore_index=True) for job in jobs)
        return ours[stock.columns], stock


def views(ttl: int, created: str, source: Any) -> list[Any]:
    readings = FeatureView(
        name="readings", entities=[PLACE], ttl=timedelta(hours=ttl), source=source("readings"),
        schema=[Field(name="place", dtype=String), *columns(value=Float64, level=Int64)],
    )  # fmt: skip
    tours = FeatureView(
        name="tours", entities=[PLACE, MACHINE], ttl=timedelta(0), source=source("tours"),
        schema=[Field(name="place", dtype=String), *columns(machine=Int64, word=String)],
    )  # fmt: skip
    return [PLACE, MACHINE, readings, tours, FeatureService(name="all", features=[readings, tours])]


def columns(**kinds: Any) -> list[Field]:
    return [Field(name=name, dtype=kind) for name, kind in kinds.items()]


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """One kind of null: the stores may differ in pandas' types."""
    return frame.astype(object).where(frame.notna(), None)


def named(view: str, created: str) -> dict[str, str]:
    return {"name": view, "timestamp_field": "at", "created_timestamp_column": created}


def hour(n: float) -> pd.Timestamp:
    return START + pd.Timedelta(hours=n)


hours = st.integers(0, 40).map(lambda n: n / 2)
places = st.sampled_from(["a", "b", "", "it's"])
# a row per key, time and creation: which of two equal ones wins is nobody's promise
reading_rows = st.dictionaries(
    st.tuples(st.none() | places, hours, hours),
    st.tuples(st.none() | st.floats(-5, 5), st.none() | st.integers(-3, 3)),
    min_size=1,
    max_size=25,
)
tour_rows = st.dictionaries(
    st.tuples(st.none() | places, st.none() | st.integers(0, 2), hours, hours),
    st.none() | st.text("xyz", max_size=2),
    min_size=1,
    max_size=20,
)
event_rows = st.lists(st.tuples(st.none() | places, st.none() | st.integers(0, 3), hours), min_size=1, max_size=15)


def reading_frame(rows: dict) -> pd.DataFrame:
    found = [(p, hour(t), hour(t + c), v, n) for (p, t, c), (v, n) in rows.items()]
    frame = pd.DataFrame(found, columns=["place", "at", "created", "value", "level"])
    return frame.astype({"place": "string", "value": float, "level": "Int64"})


def tour_frame(rows: dict) -> pd.DataFrame:
    found = [(p, m, hour(t), hour(t + c), w) for (p, m, t, c), w in rows.items()]
    frame = pd.DataFrame(found, columns=["place", "machine", "at", "created", "word"])
    return frame.astype({"place": "string", "machine": "Int64", "word": "string"})


def event_frame(rows: list) -> pd.DataFrame:
    found = [(f"e{i:02}", p, m, hour(t)) for i, (p, m, t) in enumerate(rows)]
    frame = pd.DataFrame(found, columns=["event_id", "place", "machine", "event_timestamp"])
    return frame.astype({"place": "string", "machine": "Int64"})


@pytest.fixture(scope="module", params=[0, 6], ids=["no ttl", "ttl 6 h"])
def twins(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Twins:
    return Twins(tmp_path_factory.mktemp("twins"), request.param)


@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(reading_rows, tour_rows, event_rows, st.booleans(), st.booleans(), st.booleans())
def test_both_stores_say_the_same(
    twins: Twins, readings: dict, tours: dict, asked: list, full: bool, as_created: bool, naive: bool
) -> None:
    twins.publish(reading_frame(readings), tour_frame(tours))
    events = event_frame(asked)
    if naive:
        events["event_timestamp"] = events["event_timestamp"].dt.tz_localize(None)
    ours, stock = twins.both(events, full_feature_names=full, filter_by_created_timestamp=as_created)
    pd.testing.assert_frame_equal(ours, stock, check_dtype=False)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    twins = Twins(tmp_path_factory.mktemp("filled"), 6)
    readings = reading_frame(
        {("a", 1, 0): (1.0, 1), ("a", 2, 0): (2.0, None), ("a", 2, 1): (2.5, 7), ("b", 9, 0): (9.0, 9)}
    )
    twins.publish(readings, tour_frame({("a", 1, 1, 0): "x", ("b", 1, 3, 0): "y"}))
    return twins


EVENTS = event_frame([("a", 1, 4), ("b", 1, 4), ("a", 2, 8.0), ("a", 1, 8.5), (None, 1, 4), ("a", None, 4)])


def test_a_join_key_map_and_an_alias(filled: Twins) -> None:
    events = EVENTS.rename(columns={"place": "destination"})
    for store in (filled.ours, filled.stock):
        view = store.get_feature_view("readings").with_name("there").with_join_key_map({"place": "destination"})
        service = FeatureService(name="mapped", features=[view])
        store.apply([service])
    ours, stock = filled.both(events, "mapped", full_feature_names=True)
    pd.testing.assert_frame_equal(ours, stock, check_dtype=False)
    assert ours["there__value"].iloc[0] == 2.5


def test_other_time_zones_mean_the_same_moment(filled: Twins) -> None:
    abroad = EVENTS.assign(event_timestamp=EVENTS["event_timestamp"].dt.tz_convert("America/New_York"))
    ours, stock = filled.both(abroad)
    features = ["value", "level", "word"]
    pd.testing.assert_frame_equal(ours[features], stock[features], check_dtype=False)
    pd.testing.assert_frame_equal(ours[features], filled.both(EVENTS)[0][features])


def test_events_as_sql_and_as_a_frame_give_the_same(filled: Twins) -> None:
    service = filled.ours.get_feature_service("all")
    file = filled.home / "events.parquet"
    EVENTS.to_parquet(file)
    sql = f"SELECT * FROM read_parquet('{file}') WHERE event_id <> 'e05'"
    by_sql = filled.ours.get_historical_features(sql, service).to_df()
    by_frame = filled.ours.get_historical_features(EVENTS, service).to_df().iloc[:5]
    pd.testing.assert_frame_equal(plain(by_sql), plain(by_frame))
    with pytest.raises(DataError, match="events' SQL cannot be run"):
        filled.ours.get_historical_features("SELECT nonsense", service)


@pytest.mark.filterwarnings("ignore:(Saving|Retrieving) datasets? is an experimental feature:RuntimeWarning")
def test_a_saved_dataset_comes_back(filled: Twins) -> None:
    service, path = filled.ours.get_feature_service("all"), str(filled.home / "saved.parquet")
    job = filled.ours.get_historical_features(EVENTS, service, full_feature_names=True)
    filled.ours.create_saved_dataset(job, "first", SavedDatasetFileStorage(path=path))
    again = filled.ours.get_saved_dataset("first").to_df()
    pd.testing.assert_frame_equal(plain(again), plain(job.to_df()[again.columns]))
    assert again["readings__value"].iloc[0] == 2.5
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        job.persist(SavedDatasetFileStorage(path=path))


@pytest.mark.parametrize("pull", ["latest", "all"])
def test_what_is_pulled_for_materialization(filled: Twins, pull: str) -> None:
    def pulled(store: FeatureStore) -> pd.DataFrame:
        offline, source = store._get_provider().offline_store, store.get_feature_view("readings").batch_source
        method = getattr(offline, f"pull_{pull}_from_table_or_query")
        span = {"start_date": hour(1).to_pydatetime(), "end_date": datetime(2013, 5, 1, 2, tzinfo=UTC)}
        job = method(
            config=store.config, data_source=source, join_key_columns=["place"],
            feature_name_columns=["value", "level"], timestamp_field="at", created_timestamp_column="created", **span,
        )  # fmt: skip
        return job.to_df().sort_values(["at", "created"], ignore_index=True)

    ours, stock = pulled(filled.ours), pulled(filled.stock)
    pd.testing.assert_frame_equal(plain(ours), plain(stock[ours.columns]))
    assert len(ours) == (1 if pull == "latest" else 3)


def test_feasts_own_materialize_reads_the_pinned_rows(filled: Twins) -> None:
    filled.ours.materialize(hour(0).to_pydatetime(), hour(40).to_pydatetime(), ["readings"])
    online = filled.ours.get_online_features(["readings:value"], [{"place": "a"}, {"place": "c"}]).to_dict()
    assert online["value"] == [2.5, None]


def test_what_is_not_pinned_is_not_read(filled: Twins) -> None:
    table = filled.home / "lake" / "u" / "readings"
    service = filled.ours.get_feature_service("all")
    before = filled.ours.get_historical_features(EVENTS, service).to_df()
    later = reading_frame({("a", 3, 0): (33.0, 3)}).assign(period="2013-05", part="2013-05")
    write_deltalake(str(table), pa.Table.from_pandas(later, preserve_index=False), mode="append", schema_mode="merge")
    pd.testing.assert_frame_equal(filled.ours.get_historical_features(EVENTS, service).to_df(), before)


def test_rows_are_not_written_beside_the_snapshots(filled: Twins) -> None:
    rows = pa.Table.from_pandas(reading_frame({("a", 3, 0): (33.0, 3)}), preserve_index=False)
    view = filled.ours.get_feature_view("readings")
    with pytest.raises(DataError, match="'readings' is a published table of the lake"):
        filled.ours._get_provider().ingest_df_to_offline_store(view, rows)


def test_a_flipped_bit_of_a_feature_table_is_named(filled: Twins) -> None:
    service = filled.ours.get_feature_service("all")
    before = filled.ours.get_historical_features(EVENTS, service).to_df()
    (file,) = (f for f in (filled.home / "lake" / "u" / "readings").rglob("part-*.parquet") if named_digest(f))
    content = file.read_bytes()
    for place in range(5, len(content), len(content) // 6):
        file.write_bytes(content[:place] + bytes([content[place] ^ 2]) + content[place + 1 :])
        with pytest.raises(DamagedFileError, match=rf"u\.readings period 2013-05: .*{file.name} is damaged"):
            filled.ours.get_historical_features(EVENTS, service).to_df()
    file.write_bytes(content)
    pd.testing.assert_frame_equal(filled.ours.get_historical_features(EVENTS, service).to_df(), before)


def test_what_is_wrong_is_named(filled: Twins) -> None:
    service = filled.ours.get_feature_service("all")
    with pytest.raises(DataError, match=r"events lack the entity keys \['machine'\]"):
        filled.ours.get_historical_features(EVENTS.drop(columns="machine"), service)
    (filled.home / "snapshots" / "u" / "2013-05.json").unlink()
    with pytest.raises(NotFoundError, match="'readings' has no offline rows"):
        filled.ours.get_historical_features(EVENTS, service)
