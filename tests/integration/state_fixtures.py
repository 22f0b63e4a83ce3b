"""Small state and locks below a directory, as the platform has them below its state root."""

from pathlib import Path

from include.adapters.file_locks import FileLocks
from include.adapters.file_state import FileState
from include.data.manifests import Snapshots


def file_state(home: Path) -> FileState:
    return FileState(home, FileLocks(home))


def snapshots_in(home: Path, usecase: str = "flight_delay") -> Snapshots:
    """The manifests of a use case in ``<home>/snapshots/<usecase>``."""
    return Snapshots(usecase, file_state(home), FileLocks(home))
