"""What is pinned of a feature view, by the manifests of the periods or by what was given."""

import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from include.contracts.period import Period
from include.contracts.tables import ManifestIndex, SnapshotRef, TableRef
from include.errors import DamagedStateError
from include.formats import state_file


def pins(usecase: str, view: str, store: Any) -> dict[Period, TableRef]:
    """Period → what is pinned of a view: as given, or as the current manifests say."""
    if store.pins is not None:
        return {Period(key): ref for key, ref in store.pins.get(f"{usecase}/{view}", {}).items()}
    room = Path(store.snapshots, usecase)
    indexed = _indexed(room / "index")
    manifests = [file for file in state_file.below(room, "*.json") if _is_period(file.stem)]
    snapshots = [indexed.get((file.name, _stamp(file))) or _manifest(file) for file in manifests]
    return {snapshot.period: snapshot.tables[view] for snapshot in snapshots if view in snapshot.tables}


def _indexed(index: Path) -> dict[tuple[str, str], SnapshotRef]:
    """What the index says of manifests: file name and stamp → snapshot; nothing where it is damaged."""
    found: dict[tuple[str, str], SnapshotRef] = {}
    for month in state_file.below(index, "*.json"):
        with suppress(DamagedStateError, FileNotFoundError):
            entries = ManifestIndex.read_back(state_file.read(month), month).entries
            found |= {(name, stamp): _snapshot(text) for name, (stamp, text) in entries.items() if "/" not in name}
    return found


@lru_cache(maxsize=32_768)
def _snapshot(text: str) -> SnapshotRef:
    return SnapshotRef.model_validate_json(text)


def _manifest(file: Path) -> SnapshotRef:
    return SnapshotRef.read_back(state_file.read(file), file)


def _stamp(file: Path) -> str:
    """'' for a file of which only the good copy is left."""
    try:
        return state_file.stamp(file.stat())
    except FileNotFoundError:
        return ""


def _is_period(name: str) -> bool:
    return re.fullmatch(Period.PATTERN, name) is not None
