"""Features for 20 million events, from file to file: peak memory of a process of its own within its limit."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from include.adapters.feature_store import FeastFeatureStore
from include.settings import ROOT, Settings, load_settings
from tests.benchmarks import pit_join
from tests.benchmarks._peak import peak_gb

MILLION = 1_000_000
EVENTS = 20 * MILLION
LIMIT_GB = 4.0
MEMORY_LIMIT = "2500MB"  # of DuckDB; Python, Feast and the allocator come on top


def bench(rows: int = EVENTS) -> dict[str, Any]:
    place = load_settings().home / "bench"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as directory:
        home = Path(directory)
        pit_join.prepare(home)[1].to_parquet(home / "year.parquet")
        enlarge(home / "year.parquet", rows, home / "events.parquet")
        measured = child(home)
    if measured["rows"] != rows:
        raise RuntimeError(f"{rows} events became {measured['rows']} rows")
    return {
        "name": "pit_join_memory",
        "what": f"peak resident memory of joining five views to {rows} events, file to file; it may take {LIMIT_GB} GB",
        "ours": measured["peak_gb"],
        "against": {"limit": LIMIT_GB},
        "unit": "GB",
        "n": rows,
        "samples": [measured],
    }


def enlarge(year: Path, rows: int, file: Path) -> None:
    """So many events: those of the year again and again, each time with ids of their own and some minutes later."""
    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(file.parent)}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.sql(f"""
            SELECT y.* REPLACE (
                flight_id || '_' || n AS flight_id, event_timestamp + n * INTERVAL 1 MINUTE AS event_timestamp
            )
            FROM range(60) copies(n), read_parquet('{year}') y LIMIT {rows}
        """).write_parquet(str(file))


def child(home: Path) -> dict[str, float]:
    argv = [sys.executable, "-m", "tests.benchmarks.pit_join_memory", str(home)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the join ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def join(home: Path) -> int:
    settings = Settings(home=home, memory_limit=MEMORY_LIMIT)
    store = FeastFeatureStore(settings, home / "definitions")
    return store.historical_file(pit_join.SERVICE, home / "events.parquet", home / "features.parquet")


if __name__ == "__main__":
    begun = time.perf_counter()
    count = join(Path(sys.argv[1]))
    seconds = time.perf_counter() - begun
    print(json.dumps({"rows": count, "seconds": round(seconds, 1), "peak_gb": peak_gb()}), flush=True)
    os._exit(0)  # DuckDB reports its own objects as leaked at a normal exit
