"""Millions of synthetic flights through the whole data pipeline, against the same work in straightforward pandas.

Each run is a process of its own, so that its peak memory is its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from include.adapters.lake import DeltaLake
from include.adapters.scan.parquet import ParquetScan
from include.adapters.validator import ExpectationEngine
from include.contracts.period import Period
from include.data import ingestion, processing, quality, suite_parameters, versioning
from include.data.validation import SuiteValidator
from include.services.composition import Services
from include.settings import ROOT, Settings, load_settings
from include.specification.loader import load_usecase
from tests.benchmarks import _pandas_pipeline
from tests.benchmarks._peak import peak_gb
from tests.benchmarks._synthetic import enlarge, pseudonymised
from tests.integration.state_fixtures import snapshots_in

MONTH = Period("2013-03")
MILLION = 1_000_000
SIZES = (1, 5, 20)
MEMORY_LIMIT = "3GB"


def bench() -> list[dict[str, Any]]:
    runs = {size: _both(size * MILLION) for size in SIZES}
    largest = runs[SIZES[-1]]
    per_million = {
        f"{name}_{size}m_s_per_million": round(one[name]["seconds"] / size, 2)
        for size, one in runs.items()
        for name in one
    }
    common = {"n": SIZES[-1] * MILLION, "samples": [{"millions": size, **one} for size, one in runs.items()]}
    return [
        {
            "name": "feature_scale",
            "what": f"raw files to published snapshot, 20 million flights in one month; {per_million}",
            "ours": largest["ours"]["seconds"],
            "against": {"pandas": largest["pandas"]["seconds"]},
            "unit": "s",
            **common,
        },
        {
            "name": "feature_scale_memory",
            "what": "peak resident memory of the same runs",
            "ours": largest["ours"]["peak_gb"],
            "against": {"pandas": largest["pandas"]["peak_gb"]},
            "unit": "GB",
            **common,
        },
    ]


def _both(rows: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory(dir=_scratch()) as directory:
        home = Path(directory)
        _prepare(home, rows)
        return {who: _child(who, home, rows) for who in ("ours", "pandas")}


def _scratch() -> Path:
    place = load_settings().home / "bench"
    place.mkdir(parents=True, exist_ok=True)
    return place


def _prepare(home: Path, rows: int) -> None:
    """Deliver a month with so many flights; the suites without their own idea of a month's usual size."""
    spec = load_usecase("flight_delay")
    connector = Services(Settings(home=home)).adapters.connector
    ingestion.collect(spec, MONTH, home / "landing", home / "real", connector, pseudonymised(spec))
    delivered = home / "landing" / MONTH
    delivered.mkdir(parents=True)
    enlarge(home / "real" / "raw" / "flights.parquet", rows, delivered / "flights.parquet")
    for table in ("weather", "planes"):
        (home / "real" / "raw" / f"{table}.parquet").rename(delivered / f"{table}.parquet")
    suites = home / "great_expectations" / "expectations"
    suites.mkdir(parents=True)
    for file in load_settings().suites.glob("*.json"):
        suite = json.loads(file.read_text())
        suite["expectations"] = [e for e in suite["expectations"] if not _absolute_size(e)]
        (suites / file.name).write_text(json.dumps(suite))


def _absolute_size(expectation: dict[str, Any]) -> bool:
    sized = expectation["type"] == "expect_table_row_count_to_be_between"
    return sized and isinstance(expectation["kwargs"]["max_value"], int)


def _child(who: str, home: Path, rows: int) -> dict[str, float]:
    argv = [sys.executable, "-m", "tests.benchmarks.feature_scale", who, str(home)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{who} with {rows} rows ended with {done.returncode}: {done.stderr[-2000:]}")
    measured = json.loads(done.stdout.splitlines()[-1])
    if measured.pop("rows") != rows:
        raise RuntimeError(f"{who} lost rows")
    return measured


def _ours(home: Path) -> int:
    spec = load_usecase("flight_delay")
    staging, quarantine, snapshots = home / "staging", home / "quarantine", snapshots_in(home, spec.name)
    lake, validator = DeltaLake(home / "lake"), _validator(home)
    ingestion.collect(spec, MONTH, home / "landing", staging, Services(Settings(home=home)).adapters.connector)
    quality.gate(spec, "raw", MONTH, staging, quarantine, validator, lake)
    processing.build(spec, MONTH, staging, lake, snapshots, MEMORY_LIMIT)
    quality.gate(spec, "features", MONTH, staging, quarantine, validator, lake)
    return versioning.publish(spec, MONTH, staging, lake, snapshots).tables["events"].rows


def _validator(home: Path) -> SuiteValidator:
    suites = home / "great_expectations" / "expectations"
    return SuiteValidator(suites, ExpectationEngine(), ParquetScan(MEMORY_LIMIT))


def _pandas(home: Path) -> int:
    parameters = suite_parameters.of_period(load_usecase("flight_delay").calendar, MONTH)
    return _pandas_pipeline.run(home / "landing" / MONTH, home / "pandas", parameters)


if __name__ == "__main__":
    begun = time.perf_counter()
    count = {"ours": _ours, "pandas": _pandas}[sys.argv[1]](Path(sys.argv[2]))
    seconds = time.perf_counter() - begun
    print(json.dumps({"rows": count, "seconds": round(seconds, 2), "peak_gb": peak_gb()}), flush=True)
    os._exit(0)  # DuckDB reports its own objects as leaked at a normal exit
