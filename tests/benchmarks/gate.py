"""The raw gate of one month, and the check of 10 million flights, against Great Expectations with the same suites."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from include.adapters.lake import DeltaLake
from include.adapters.scan.parquet import ParquetScan
from include.adapters.validator import ExpectationEngine
from include.contracts.period import Period
from include.data import ingestion, quality, suite_parameters, suites
from include.data import staging as stage
from include.data.validation import SuiteValidator
from include.ports.quality import CheckEngine
from include.services.composition import Services
from include.settings import ROOT, Settings, load_settings
from include.specification.loader import load_usecase
from tests.benchmarks._peak import peak_gb
from tests.benchmarks._synthetic import enlarge, pseudonymised

SAMPLES = 5
ROWS = 10_000_000
MEMORY_LIMIT = "2GB"
MONTH = Period("2013-03")
KNOWN = suite_parameters.of_period(load_usecase("flight_delay").calendar, MONTH)


def bench() -> list[dict[str, Any]]:
    return [_month(), *_scale()]


def _month() -> dict[str, Any]:
    spec = load_usecase("flight_delay")
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        connector = Services(Settings(home=home)).adapters.connector
        ingestion.collect(spec, MONTH, home / "landing", home / "staging", connector, pseudonymised(spec))
        frames = {table: stage.frame(home / "staging", stage.RAW, table) for table in spec.sources}
        rooms = (home / "staging", home / "quarantine", _validator(), DeltaLake(home / "lake"))
        bare = _bare_gx(frames)
        pairs = [
            (_seconds(lambda: quality.gate(spec, "raw", MONTH, *rooms)), _seconds(bare)) for _ in range(SAMPLES + 1)
        ]
    ours, theirs = zip(*pairs[1:], strict=True)  # the first pair warms both up
    return {
        "name": "gate",
        "what": "raw gate of 2013-03: read, check, compare with the months before, record",
        "ours": median(ours),
        "against": {"gx_pandas": median(theirs)},
        "ratio": {"gx_pandas": median(ours) / median(theirs)},
        "unit": "s",
        "n": sum(map(len, frames.values())),
        "samples": [list(pair) for pair in pairs[1:]],
    }


def _scale() -> list[dict[str, Any]]:
    """One process each, so that the memory is each one's own."""
    scratch = load_settings().home / "bench"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        home, spec = Path(directory), load_usecase("flight_delay")
        connector = Services(Settings(home=home)).adapters.connector
        ingestion.collect(spec, MONTH, home / "landing", home / "staging", connector, pseudonymised(spec))
        enlarge(home / "staging" / "raw" / "flights.parquet", ROWS, home / "flights.parquet")
        found = {who: _child(who, home / "flights.parquet") for who in ("scan", "gx_pandas")}
    if found["scan"]["verdict"] != found["gx_pandas"]["verdict"]:
        raise RuntimeError("the two engines do not say the same")
    return [_compared("gate_scale", "seconds", "s", found), _compared("gate_scale_memory", "peak_gb", "GB", found)]


def _compared(name: str, figure: str, unit: str, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "what": f"the raw suite of flights on {ROWS:,} rows in a Parquet file; memory limit {MEMORY_LIMIT}",
        "ours": found["scan"][figure],
        "against": {"gx_pandas": found["gx_pandas"][figure]},
        "unit": unit,
        "n": ROWS,
        "samples": [[one[figure] for one in found.values()]],
    }


def _child(who: str, file: Path) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.benchmarks.gate", who, str(file)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{who} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _check(who: str, file: Path) -> dict[str, Any]:
    parameters = KNOWN | {"flights_min_rows": 1, "flights_max_rows": None}
    checks = suites.checks(load_settings().suites, "flight_delay", "raw", "flights", parameters)
    engine: CheckEngine = ParquetScan(MEMORY_LIMIT) if who == "scan" else ExpectationEngine()
    begun = time.perf_counter()
    outcomes = engine.outcomes(file, checks)
    seconds = time.perf_counter() - begun
    verdict = [[c.check, c.passed, c.broken, c.unexpected] for c in outcomes]
    return {"seconds": round(seconds, 2), "peak_gb": peak_gb(), "verdict": verdict}


def _validator() -> SuiteValidator:
    return SuiteValidator(load_settings().suites, ExpectationEngine(), ParquetScan(MEMORY_LIMIT))


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _bare_gx(frames: dict[str, pd.DataFrame]) -> Callable[[], None]:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    known: dict[str, Any] = dict(KNOWN)
    known |= {f"{table}_min_rows": 1 for table in frames} | {f"{table}_max_rows": None for table in frames}
    files = {table: load_settings().suites / f"flight_delay_raw_{table}.json" for table in frames}

    def run() -> None:
        for table, rows in frames.items():
            suite = gx.ExpectationSuite(**json.loads(files[table].read_text()))
            batch = context.data_sources.pandas_default.read_dataframe(rows)
            batch.validate(suite, expectation_parameters=known)

    return run


if __name__ == "__main__":
    print(json.dumps(_check(sys.argv[1], Path(sys.argv[2]))), flush=True)
    os._exit(0)  # DuckDB reports its own objects as leaked at a normal exit
