"""Publishing one day in December, beside one in January: what a year in the lake adds to each day."""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from include.adapters.lake import DeltaLake
from include.data import staging as stage
from include.data import versioning
from tests.benchmarks import _rhythm
from tests.benchmarks._rhythm import SPEC
from tests.integration.state_fixtures import snapshots_in

FIRST, DAYS = 10, 20
"""The days that are measured begin after so many of the month: as many as there are commits between checkpoints."""


def bench() -> dict[str, Any]:
    """No maintenance runs meanwhile: the lake of December has a file for every day of the year."""
    seconds = {}
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        lake, snapshots = DeltaLake(home / "lake"), snapshots_in(home, SPEC.name)
        for day, tables in _rhythm.by_day():
            stage.replace(home / "staging", stage.TABLES, tables)
            stage.mark_passed(home / "staging")
            begun = time.perf_counter()
            versioning.publish(SPEC, day, home / "staging", lake, snapshots)
            seconds[day] = time.perf_counter() - begun
    january, december = (_of(seconds, month) for month in ("2013-01", "2013-12"))
    return {
        "name": "rhythm_publish",
        "what": f"{len(_rhythm.by_month()['2013-01'])} tables of one day published, median of {DAYS} days",
        "ours": median(december),
        "against": {"a_day_in_january": median(january)},
        "unit": "s",
        "n": DAYS,
        "samples": [*zip(january, december, strict=True)],
    }


def _of(seconds: dict[Any, float], month: str) -> list[float]:
    return [of for day, of in seconds.items() if day.month == month][FIRST : FIRST + DAYS]
