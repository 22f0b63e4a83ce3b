"""Reading what a year of snapshots pins: with every byte proved, beside the same reads without a proof."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from include.adapters.lake import DeltaLake
from include.contracts.tables import SnapshotRef
from include.data import versioning
from include.formats import proved_parquet
from include.formats.file_proof import PROOFS
from tests.benchmarks import pit_join

SAMPLES = 5


def bench() -> list[dict[str, Any]]:
    """``proved_read``: in a new process; ``proved_read_again``: in one that proved the files before."""
    with tempfile.TemporaryDirectory() as directory:
        store, events = pit_join.prepare(Path(directory))
        lake, snapshots = DeltaLake(Path(directory) / "lake"), _snapshots(Path(directory))
        size = sum(file.stat().st_size for file in (Path(directory) / "lake").rglob("part-*.parquet"))

        def read() -> int:
            return sum(versioning.read(s, table, lake).num_rows for s in snapshots for table in s.tables)

        def join() -> int:
            return len(store.historical(pit_join.SERVICE, events, snapshots))

        measured = {"read": _measured(read), "join": _measured(join)}
    about = {"unit": "s", "n": len(events)}
    work = {
        "read": f"every table that a year of snapshots pins ({size / 1e6:.0f} MB of Parquet)",
        "join": "features of five views for every flight of 2013",
    }
    return [
        {
            "name": f"proved_{name}{again}",
            "what": f"{work[name]}; {when}",
            "ours": median(one[ours] for one in rounds),
            "against": {"without_proof": median(one["without"] for one in rounds)},
            "samples": rounds,
            **about,
        }
        for name, rounds in measured.items()
        for again, ours, when in (("", "first", "proved in this read"), ("_again", "again", "proved before"))
    ]


def _measured(work: Callable[[], int]) -> list[dict[str, float]]:
    work()  # imports and file caches are warm afterwards
    return [{"without": _seconds(_unproved(work)), **_proved(work)} for _ in range(SAMPLES)]


def _proved(work: Callable[[], int]) -> dict[str, float]:
    PROOFS._proved.clear()
    proved_parquet._content_hash.cache_clear()
    proved_parquet._footer.cache_clear()
    return {"first": _seconds(work), "again": _seconds(work)}


def _unproved(work: Callable[[], int]) -> Callable[[], int]:
    def run() -> int:
        nothing = {"side_effect": None, "return_value": None}
        with (
            patch("include.formats.proved_parquet.prove", **nothing),
            patch("include.adapters.asof.source_files.prove", **nothing),
            patch("include.formats.proved_parquet.prove_content", **nothing),
            patch("include.adapters.asof.source_files.prove_content", **nothing),
        ):
            return work()

    return run


def _snapshots(home: Path) -> list[SnapshotRef]:
    manifests = sorted((home / "snapshots" / "flight_delay").glob("*.json"))
    return [SnapshotRef.model_validate_json(file.read_text()) for file in manifests]


def _seconds(work: Callable[[], int]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
