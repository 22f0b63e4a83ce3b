"""Answers of a month in files of the lake, and their drift counted from the files by a process of its own.

``python -m tests.benchmarks._answers_in_files <home>`` counts them against ``baseline.json`` there.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from include.adapters.lake import DeltaLake
from include.contracts.tables import RowFilter
from include.evaluation import histograms
from include.operations.drift import counting, drift
from include.settings import ROOT
from tests.benchmarks._peak import peak_gb

CHUNK = 100_000
MONTH = "2013-03"
LEVELS = 40
SHIFT = 0.5  # standard deviations, of every second number


def chunk(rows: int, numbers: int, categories: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Normal numbers with two decimals, of which one in a hundred is missing, and categories of 40 levels."""
    random, columns = np.random.default_rng(seed), dict[str, Any]()
    for number in range(numbers):
        values = random.normal(shift * (number % 2), size=rows).round(2)
        values[random.integers(0, rows, rows // 100)] = np.nan
        columns[f"number_{number}"] = values
    for number in range(categories):
        names = pd.Categorical.from_codes(random.integers(0, LEVELS, rows), [f"level {i}" for i in range(LEVELS)])
        columns[f"category_{number}"] = names.astype(str)
    return pd.DataFrame(columns)


def write(home: Path, table: str, rows: int, numbers: int, categories: int, seed: int, shift: float) -> None:
    """So many rows into a table of the lake, a chunk at a time."""
    for begin in range(0, rows, CHUNK):
        frame = chunk(min(CHUNK, rows - begin), numbers, categories, seed + begin, shift)
        table_of_rows = pa.Table.from_pandas(frame.assign(period=MONTH), preserve_index=False)
        DeltaLake(home / "lake").append("bench", table, table_of_rows)


def describe(home: Path, reference: pd.DataFrame) -> float:
    """Keep the baseline as a release does; seconds."""
    begun = time.perf_counter()
    kinds = {name: name.partition("_")[0] for name in reference}
    baseline = {
        name: histograms.numeric(reference[name]) if kind == "number" else histograms.categorical(reference[name])
        for name, kind in kinds.items()
    }
    (home / "baseline.json").write_text(json.dumps(baseline))
    return time.perf_counter() - begun


def count(home: Path) -> dict[str, float]:
    """What a process of its own measured: its seconds, rows and peak memory (GB).

    Raises RuntimeError when it fails, or does not find the shift, or finds one where there is none.
    """
    argv = [sys.executable, "-m", "tests.benchmarks._answers_in_files", str(home)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"counting ended with {done.returncode}: {done.stderr[-2000:]}")
    measured = json.loads(done.stdout.splitlines()[-1])
    psi, floors = measured.pop("psi"), measured.pop("floors")
    shifted = {name for name in psi if name.startswith("number_") and int(name.partition("_")[2]) % 2}
    drifted = {name for name, value in psi.items() if value > max(0.1, floors[name])}
    if drifted != shifted:
        raise RuntimeError(f"{sorted(shifted)} were shifted, and {sorted(drifted)} are found")
    return measured


def _count(home: Path) -> dict[str, Any]:
    baseline, lake = json.loads((home / "baseline.json").read_text()), DeltaLake(home / "lake")

    def read(names: Sequence[str]) -> Iterator[counting.Batch]:
        return map(counting.Batch, lake.batches("bench", "answers", RowFilter(columns=names)))

    begun, cpu = time.perf_counter(), time.process_time()
    counts = counting.counted(baseline, read)
    found = drift.counted_drift(counts)
    return {
        "seconds": round(time.perf_counter() - begun, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_gb": peak_gb(),
        "rows": min(column.rows for column in counts.values()),
        "psi": {name: one.psi for name, one in found.items()},
        "floors": {name: one.floor for name, one in found.items()},
    }


if __name__ == "__main__":
    print(json.dumps(_count(Path(sys.argv[1]))), flush=True)
    os._exit(0)  # DuckDB reports its own objects as leaked at a normal exit
