"""The raw gate of one month, against Great Expectations called with the same suites and nothing around it."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from include.adapters.lake import DeltaLake
from include.adapters.validator import PROJECT, ExpectationValidator
from include.contracts import Period
from include.data import ingestion, quality
from include.data import staging as stage
from include.services import Services
from include.settings import Settings
from include.usecase import load_usecase

SAMPLES = 5


def bench() -> dict[str, Any]:
    spec, period = load_usecase("flight_delay"), Period(key="2013-03")
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        ingestion.collect(spec, period, home / "landing", home / "staging", Services(Settings(home=home)).connector)
        frames = {table: stage.frame(home / "staging", stage.RAW, table) for table in spec.sources}
        validator, lake = ExpectationValidator(), DeltaLake(home / "lake")
        rooms = (home / "staging", home / "quarantine", validator, lake)
        bare = _bare_gx(frames)
        pairs = [
            (_seconds(lambda: quality.gate(spec, "raw", period, *rooms)), _seconds(bare)) for _ in range(SAMPLES + 1)
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


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _bare_gx(frames: dict[str, pd.DataFrame]) -> Callable[[], None]:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    known: dict[str, Any] = {"year": 2013, "month": 3}
    known |= {f"{table}_min_rows": 1 for table in frames} | {f"{table}_max_rows": None for table in frames}
    files = {table: PROJECT / "expectations" / f"flight_delay_raw_{table}.json" for table in frames}

    def run() -> None:
        for table, rows in frames.items():
            suite = gx.ExpectationSuite(**json.loads(files[table].read_text()))
            batch = context.data_sources.pandas_default.read_dataframe(rows)
            batch.validate(suite, expectation_parameters=known)

    return run
