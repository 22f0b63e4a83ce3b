"""Publishing one day in December, beside one in January: what a year in the lake adds to each day."""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from include.adapters.lake import DeltaLake
from include.contracts.period import Period
from include.data import staging as stage
from include.data import versioning
from tests.benchmarks import _rhythm
from tests.benchmarks._rhythm import SPEC
from tests.integration.state_fixtures import snapshots_in

DAYS = 20
"""As many as there are commits from one checkpoint of a table to the next."""
JANUARY, DECEMBER = Period("2013-01-11"), Period("2013-12-11")


def bench() -> dict[str, Any]:
    """Two lakes, published up to a day in January and in December; then a day in each, in turn.

    No maintenance runs: the lake of December has a file for every day of the year.
    """
    days = dict(_rhythm.by_day())
    with tempfile.TemporaryDirectory() as directory:
        homes = {first: Path(directory, first) for first in (JANUARY, DECEMBER)}
        for first, home in homes.items():
            for day in (day for day in days if day < first):
                _seconds(home, day, days[day])
        samples = [
            tuple(_seconds(home, first.shift(n), days[first.shift(n)]) for first, home in homes.items())
            for n in range(DAYS)
        ]
    return {
        "name": "rhythm_publish",
        "what": f"{len(days[JANUARY])} tables of one day published, median of {DAYS} days in turn",
        "ours": median(december for _, december in samples),
        "against": {"a_day_in_january": median(january for january, _ in samples)},
        "unit": "s",
        "n": DAYS,
        "samples": samples,
    }


def _seconds(home: Path, day: Period, tables: _rhythm.Tables) -> float:
    """CPU time and waiting of one publication, from what is staged to the manifest."""
    stage.replace(home / "staging", stage.TABLES, tables)
    stage.mark_passed(home / "staging")
    begun = time.perf_counter()
    versioning.publish(SPEC, day, home / "staging", DeltaLake(home / "lake"), snapshots_in(home, SPEC.name))
    return time.perf_counter() - begun
