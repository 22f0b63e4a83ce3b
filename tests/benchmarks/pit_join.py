"""The point-in-time join of a year of flights on five views, beside Feast's own DuckDB store and a bare ASOF join."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.adapters.feature_store import DEFINITIONS, FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import ingestion
from include.formats.atomic_file import write_atomically
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.usecases.flight_delay import features

SAMPLES = 3
SERVICE = "five_views"
MONTHS = Period.between(Period("2013-01"), Period("2013-12"))
# how late the flights of a carrier, a route and a plane were on the days before
HISTORIES = {"carrier_history": ["carrier"], "route_history": ["origin", "dest"], "plane_history": ["tailnum"]}
MORE = """
from feast.types import Int64
place = Entity(name="place", join_keys=["dest"], value_type=ValueType.STRING)
company = Entity(name="company", join_keys=["carrier"], value_type=ValueType.STRING)
def history(name, entities, keys):
    fields = [*(Field(name=key, dtype=String) for key in keys), Field(name=name + "_flights", dtype=Int64)]
    fields += [Field(name=name + "_late", dtype=Float64), Field(name=name + "_distance", dtype=Float64)]
    stored = FileSource(name=name, path="lake/flight_delay/" + name, file_format=DeltaFormat(),
                        timestamp_field="event_timestamp")
    return FeatureView(name=name, entities=entities, ttl=timedelta(days=7), schema=fields, source=stored)
carrier_history = history("carrier_history", [company], ["carrier"])
route_history = history("route_history", [airport, place], ["origin", "dest"])
plane_history = history("plane_history", [aircraft], ["tailnum"])
five_views = FeatureService(name="five_views", features=[
    airport_weather, aircraft_registry, carrier_history, route_history, plane_history])
"""
VIEWS = {"airport_weather": ["origin"], "aircraft": ["tailnum"], **HISTORIES}


def bench() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        store, events = prepare(Path(directory))
        stock = _stock(store, Path(directory))
        contenders: dict[str, Callable[[], pd.DataFrame]] = {
            "ours": lambda: store.historical(SERVICE, events),
            "feast_duckdb": lambda: _by_feast(stock, events),
            "duckdb_asof": lambda: _bare(Path(directory), events),
        }
        found = {name: run() for name, run in contenders.items()}  # imports and file caches are warm afterwards
        _same(found)
        rounds = [{name: _seconds(run) for name, run in contenders.items()} for _ in range(SAMPLES)]
    medians = {name: median(one[name] for one in rounds) for name in contenders}
    return {
        "name": "pit_join",
        "what": "features of five views for every flight of 2013, as known at scheduled departure",
        "ours": medians.pop("ours"),
        "against": medians,
        "unit": "s",
        "n": len(events),
        "samples": rounds,
    }


def prepare(home: Path) -> tuple[FeastFeatureStore, pd.DataFrame]:
    """The five views of the year published in the lake and defined; all events of the year."""
    events = _publish(home)
    definitions = home / "definitions"
    definitions.mkdir()
    text = (DEFINITIONS / "flight_delay.py").read_text()
    (definitions / "five.py").write_text(text + MORE)
    store = FeastFeatureStore(Settings(home=home), definitions)
    store.apply()
    return store, events


def _publish(home: Path) -> pd.DataFrame:
    spec, connect = load_usecase("flight_delay"), Services(Settings(home=home)).adapters.connector
    lake, months = DeltaLake(home / "lake"), {}
    for period in MONTHS:
        raw = ingestion.tables(spec, period, Path("no landing"), connect)
        tables = features.process({name: ibis.memtable(rows) for name, rows in raw.items()})
        built = {view: rows.to_pyarrow() for view, rows in features.build(tables, period).items()}
        months[period] = (tables["events"].to_pandas(), built)
    events = pd.concat([month for month, _ in months.values()], ignore_index=True)
    histories = {name: _history(events, name, keys) for name, keys in HISTORIES.items()}
    for key, (_, built) in months.items():
        built |= {name: rows[rows["event_timestamp"].dt.strftime("%Y-%m") == key] for name, rows in histories.items()}
        _pin(home, lake, key, built)
    return events.drop(columns=["late", "label_timestamp"])


def _history(events: pd.DataFrame, name: str, keys: list[str]) -> pd.DataFrame:
    """Per key and day: flights, share of late ones and mean distance, known from the next day on."""
    known = events["event_timestamp"].dt.floor("D") + pd.Timedelta(days=1)
    days = events.assign(event_timestamp=known).groupby([*keys, "event_timestamp"])
    figures = {"flights": ("flight_id", "size"), "late": ("late", "mean"), "distance": ("distance", "mean")}
    rows = days.agg(**{f"{name}_{figure}": how for figure, how in figures.items()}).reset_index()
    return rows.astype({f"{name}_late": float})


def _pin(home: Path, lake: DeltaLake, key: str, built: dict[str, Any]) -> None:
    tables = {
        view: lake.publish("flight_delay", view, rows if isinstance(rows, pa.Table) else _table(rows), key)
        for view, rows in built.items()
    }
    manifest = SnapshotRef(usecase="flight_delay", period=key, name=key, tables=tables)
    write_atomically(home / "snapshots" / "flight_delay" / f"{key}.json", manifest.model_dump_json())


def _table(rows: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(rows, preserve_index=False)


def _stock(store: FeastFeatureStore, home: Path) -> Any:
    """Feast with its own DuckDB store, the same definitions on Parquet files of the same rows."""
    from feast import FeatureStore, FileSource
    from feast.repo_config import RepoConfig

    registry = {"registry_type": "file", "path": str(home / "stock.registry"), "cache_ttl_seconds": 600}
    config = RepoConfig(
        project="stock", provider="local", registry=registry, offline_store={"type": "duckdb"},
        online_store={"type": "sqlite", "path": str(home / "stock.db")}, entity_key_serialization_version=3,
    )  # fmt: skip
    defined = [
        o for objects in store._definitions.files()[0].values() for o in objects if type(o).__name__ != "Project"
    ]
    for view in (o for o in defined if type(o).__name__ == "FeatureView"):
        file = home / f"{view.name}.parquet"
        rows = DeltaLake(home / "lake").read("flight_delay", view.name).drop_columns(["period"])
        pq.write_table(rows.sort_by("event_timestamp"), file)
        view.batch_source = FileSource(name=view.name, path=str(file), timestamp_field="event_timestamp")
    stock = FeatureStore(config=config)
    stock.apply(defined)
    return stock


def _by_feast(stock: Any, events: pd.DataFrame) -> pd.DataFrame:
    return stock.get_historical_features(events.copy(), stock.get_feature_service(SERVICE)).to_df()


def _bare(home: Path, events: pd.DataFrame) -> pd.DataFrame:
    """By hand: no registry, no pins, no ttl, no order of the rows."""
    joins = [
        f"ASOF LEFT JOIN read_parquet('{home}/{view}.parquet') {view} ON "
        + " AND ".join(f"e.{key} = {view}.{key}" for key in keys)
        + f" AND e.event_timestamp >= {view}.event_timestamp"
        for view, keys in VIEWS.items()
    ]
    columns = [f"{view}.* EXCLUDE ({', '.join(keys)}, event_timestamp)" for view, keys in VIEWS.items()]
    given = "SELECT * REPLACE (CAST(event_timestamp AS TIMESTAMPTZ) AS event_timestamp) FROM events"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", events)
        return connection.sql(f"SELECT e.*, {', '.join(columns)} FROM ({given}) e {' '.join(joins)}").df()


def _same(found: dict[str, pd.DataFrame]) -> None:
    """Feast's answers and ours are equal; the bare join knows no ttl, and must agree on what has none."""
    frames = {name: frame.sort_values("flight_id", ignore_index=True) for name, frame in found.items()}
    columns = [c for c in frames["feast_duckdb"].columns if c != "event_timestamp"]
    pd.testing.assert_frame_equal(frames["ours"][columns], frames["feast_duckdb"][columns], check_dtype=False)
    without = ["flight_id", "seats", "engines", "year_built"]
    pd.testing.assert_frame_equal(frames["ours"][without], frames["duckdb_asof"][without], check_dtype=False)


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
