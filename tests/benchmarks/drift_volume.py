"""Drift of 3 million answers with 200 columns, counted from the lake's files: peak memory within its limit."""

import tempfile
from pathlib import Path
from typing import Any

from include.settings import load_settings
from tests.benchmarks import _answers_in_files as answers

ROWS, NUMBERS, CATEGORIES = 3_000_000, 180, 20
LIMIT_GB = 2.0


def bench() -> list[dict[str, Any]]:
    place = load_settings().home / "bench"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as directory:
        home = Path(directory)
        answers.describe(home, answers.chunk(answers.CHUNK, NUMBERS, CATEGORIES, seed=1))
        answers.write(home, "answers", ROWS, NUMBERS, CATEGORIES, seed=2, shift=answers.SHIFT)
        measured = answers.count(home)
    if measured["rows"] != ROWS:
        raise RuntimeError(f"{measured['rows']} of {ROWS} rows were counted")
    what = f"of the drift of {NUMBERS + CATEGORIES} columns from files"
    common = {"n": ROWS, "samples": [measured]}
    return [
        {
            "name": "drift_volume",
            "what": f"time {what}, their bytes proved; {measured['cpu_seconds']} s of CPU",
            "ours": measured["seconds"],
            "against": {},
            "unit": "s",
            **common,
        },
        {
            "name": "drift_volume_memory",
            "what": f"peak resident memory {what}; it may take {LIMIT_GB} GB",
            "ours": measured["peak_gb"],
            "against": {"limit": LIMIT_GB},
            "unit": "GB",
            **common,
        },
    ]
