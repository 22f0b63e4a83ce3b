"""Small state and locks, opened alone: what DAG files read must load no other adapter."""

from include.ports.state import Locks, StateStore
from include.settings import Settings


def locks(settings: Settings) -> Locks:
    """The locks of the state root."""
    from include.adapters.file_locks import FileLocks

    return FileLocks(settings.home)


def state(settings: Settings) -> StateStore:
    """The small state of the state root."""
    from include.adapters.file_state import FileState

    return FileState(settings.home, locks(settings))
