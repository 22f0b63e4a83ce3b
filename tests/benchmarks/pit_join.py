"""The point-in-time join of a year of flights, against Feast's own DuckDB store and a bare ASOF join."""

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import ibis
import pandas as pd

from include.adapters.feature_store import FeastFeatureStore
from include.contracts import Period
from include.data import ingestion
from include.services import Services
from include.settings import Settings
from include.usecase import load_usecase
from include.usecases.flight_delay import features

SAMPLES = 3
BARE = """
    SELECT e.*, w.* EXCLUDE (origin, event_timestamp), a.* EXCLUDE (tailnum, event_timestamp)
    FROM (SELECT * REPLACE (CAST(event_timestamp AS TIMESTAMPTZ) AS event_timestamp) FROM events) e
    ASOF LEFT JOIN read_parquet('offline/airport_weather/*.parquet') w
        ON e.origin = w.origin AND e.event_timestamp >= w.event_timestamp
    ASOF LEFT JOIN read_parquet('offline/aircraft/*.parquet') a
        ON e.tailnum = a.tailnum AND e.event_timestamp >= a.event_timestamp
"""


def bench() -> dict[str, Any]:
    service = load_usecase("flight_delay").feature_service
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(home=Path(directory))
        store = FeastFeatureStore(settings)
        store.apply()
        events = _fill(store)
        stock = FeastFeatureStore(settings, offline_store="duckdb")
        with contextlib.chdir(settings.feature_store):  # where Feast's own store looks for relative paths
            rounds = [
                (
                    _seconds(lambda: store.historical(service, events)),
                    _seconds(lambda: stock.historical(service, events)),
                    _seconds(lambda: _bare(events)),
                )
                for _ in range(SAMPLES)
            ]
    ours, feast, asof = (median(times) for times in zip(*rounds, strict=True))
    return {
        "name": "pit_join",
        "what": "features of every flight of 2013 as known at scheduled departure",
        "ours": ours,
        "against": {"feast_duckdb": feast, "duckdb_asof": asof},
        "ratio": {"feast_duckdb": ours / feast, "duckdb_asof": ours / asof},
        "unit": "s",
        "n": len(events),
        "samples": [list(one) for one in rounds],
    }


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _bare(events: pd.DataFrame) -> pd.DataFrame:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", events)
        return connection.sql(BARE).df()


def _fill(store: FeastFeatureStore) -> pd.DataFrame:
    """Every month's feature views into the offline store; all events of the year."""
    spec, connect = load_usecase("flight_delay"), Services(Settings()).connector
    events = []
    for period in Period.between("2013-01", "2013-12"):
        raw = ingestion.tables(spec, period, Path("no landing"), connect)
        tables = features.process({name: ibis.memtable(rows) for name, rows in raw.items()})
        for view, rows in features.build(tables, period).items():
            store.write_offline(view, period.key, rows.to_pandas())
        events.append(tables["events"].drop("late", "label_timestamp").to_pandas())
    return pd.concat(events, ignore_index=True)
