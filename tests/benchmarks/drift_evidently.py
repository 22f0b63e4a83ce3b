"""Drift of a million answers with 25 columns, from Parquet files, against evidently's drift preset on the same files.

Ours counts the month against the baseline that a release keeps; evidently looks at both months each time. It runs with
its own methods (Wasserstein distance, Jensen-Shannon distance) and with PSI, in an environment of its own.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from include.adapters.lake import DeltaLake
from include.settings import ROOT, load_settings
from tests.benchmarks import _answers_in_files as answers

ROWS, NUMBERS, CATEGORIES = 1_000_000, 20, 5
EVIDENTLY = "evidently==0.7.23"
LIMIT = 1 / 50
"""Of evidently's time."""


def bench(repeats: int = 3) -> list[dict[str, Any]]:
    place = load_settings().home / "bench"
    place.mkdir(parents=True, exist_ok=True)
    python = _environment(place / "evidently")
    with tempfile.TemporaryDirectory(dir=place) as directory:
        home = Path(directory)
        describing = _prepare(home)
        peers = {
            name: _evidently(python, home, method) for name, method in (("evidently", None), ("evidently_psi", "psi"))
        }
        ours = [answers.count(home) for _ in range(repeats)]
    for measured in (*ours, *peers.values()):
        if measured["rows"] != ROWS:
            raise RuntimeError(f"{measured['rows']} of {ROWS} rows were looked at")
    samples = [*ours, peers, {"describing_the_baseline_seconds": round(describing, 2)}]
    common = {"n": ROWS, "samples": samples}
    what = f"of the drift of {NUMBERS + CATEGORIES} columns from Parquet files"
    return [
        {
            "name": "drift_evidently",
            "what": f"time {what}; at most {LIMIT:.0%} of evidently's",
            "ours": statistics.median(one["seconds"] for one in ours),
            "against": {name: one["seconds"] for name, one in peers.items()},
            "unit": "s",
            **common,
        },
        {
            "name": "drift_evidently_memory",
            "what": f"peak resident memory {what}",
            "ours": max(one["peak_gb"] for one in ours),
            "against": {name: one["peak_gb"] for name, one in peers.items()},
            "unit": "GB",
            **common,
        },
    ]


def _environment(directory: Path) -> Path:
    """The Python of an environment with evidently and this project's versions of what it shares with it."""
    python = directory / "bin" / "python"
    if not python.exists():
        _run(sys.executable, "-m", "venv", str(directory))
    _run(str(python), "-m", "pip", "install", "--quiet", EVIDENTLY, "pyarrow", "-c", str(ROOT / "constraints.txt"))
    return python


def _prepare(home: Path) -> float:
    """Files of a reference and of a month, and the baseline of the reference; seconds to describe it."""
    for table, seed, shift in (("reference", 1, 0.0), ("answers", 2, answers.SHIFT)):
        answers.write(home, table, ROWS, NUMBERS, CATEGORIES, seed, shift)
    return answers.describe(
        home, DeltaLake(home / "lake").read("bench", "reference").to_pandas().drop(columns="period")
    )


def _evidently(python: Path, home: Path, method: str | None) -> dict[str, Any]:
    lake = DeltaLake(home / "lake")
    wanted = {
        "reference": [one.file for one in lake.files("bench", "reference")],
        "current": [one.file for one in lake.files("bench", "answers")],
        "numbers": [f"number_{number}" for number in range(NUMBERS)],
        "categories": [f"category_{number}" for number in range(CATEGORIES)],
        "method": method,
    }
    script = Path(__file__).with_name("_evidently_drift.py")
    measured = json.loads(_run(str(python), str(script), json.dumps(wanted)).splitlines()[-1])
    if {*measured["drift"]} != {*wanted["numbers"], *wanted["categories"]}:
        raise RuntimeError(f"evidently measured {sorted(measured['drift'])} only")
    return measured


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)[:200]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
