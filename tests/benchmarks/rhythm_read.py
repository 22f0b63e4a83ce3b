"""Reading a year of daily periods as a training does, beside a year of monthly ones: labelled events and features."""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from include.adapters.feature_store import FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.contracts.tables import SnapshotRef
from include.development.datasets.labelled_events import labelled
from include.formats import proved_parquet
from include.formats.file_proof import PROOFS
from include.settings import Settings
from tests.benchmarks import _rhythm
from tests.benchmarks._rhythm import SPEC
from tests.unit.development.frames import LATER

SAMPLES = 3


class Year:
    """A year that is published in a lake of its own, by months or by days."""

    def __init__(self, home: Path, periods: Any) -> None:
        self.lake, self.store = DeltaLake(home / "lake"), FeastFeatureStore(Settings(home=home))
        self.store.apply()
        self.snapshots: list[SnapshotRef] = [_rhythm.publish(self.lake, *period) for period in periods]

    def read(self) -> int:
        """As a process that begins: nothing was proved before."""
        PROOFS._proved.clear()
        proved_parquet._content_hash.cache_clear()
        proved_parquet._footer.cache_clear()
        events = labelled(SPEC, self.lake, self.snapshots, LATER).rows
        wanted = events[[SPEC.event.id, SPEC.event.time, "origin", "tailnum"]]
        return len(self.store.historical(SPEC.feature_service, wanted, self.snapshots))

    def merge(self) -> int:
        return sum(self.lake.compact(SPEC.name, table) for table in self.lake.tables(SPEC.name))


def bench() -> list[dict[str, Any]]:
    """``rhythm_read_fresh``: every day a file of its own; ``rhythm_read``: as maintenance leaves it every night."""
    with tempfile.TemporaryDirectory() as directory:
        months = Year(Path(directory, "months"), _rhythm.by_month().items())
        days = Year(Path(directory, "days"), _rhythm.by_day())
        fresh = _measured(months, days)
        merged = days.merge()
        night = _measured(months, days)
    about = {"unit": "s", "n": fresh["rows"]}
    return [
        {
            "name": name,
            "what": f"labels and features of a year of flights by day, {state}, from a process that begins",
            "ours": median(days for _, days in one["rounds"]),
            "against": {"monthly_periods": median(months for months, _ in one["rounds"])},
            "samples": one["rounds"],
            **about,
        }
        for name, state, one in (
            ("rhythm_read", f"{merged} files less after the maintenance", night),
            ("rhythm_read_fresh", "a file per day", fresh),
        )
    ]


def _measured(months: Year, days: Year) -> dict[str, Any]:
    rows = {year.read() for year in (months, days)}  # imports and file caches are warm afterwards
    assert len(rows) == 1, f"the years have other numbers of events: {rows}"
    return {"rows": rows.pop(), "rounds": [(_seconds(months), _seconds(days)) for _ in range(SAMPLES)]}


def _seconds(year: Year) -> float:
    begun = time.perf_counter()
    year.read()
    return time.perf_counter() - begun
