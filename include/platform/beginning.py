"""When a state root was made: what runs by the clock runs from then on, and not for the days before."""

from datetime import UTC, datetime
from pathlib import Path

from include.errors import DamagedStateError
from include.formats import state_file
from include.settings import Settings


def mark(settings: Settings) -> None:
    """Write down that the state root is made now; one that has this mark keeps it."""
    if not state_file.exists(_file(settings)):
        state_file.write(_file(settings), datetime.now(UTC).isoformat(timespec="seconds"), plain=True)


def moment(settings: Settings) -> datetime | None:
    """UTC; None where no mark can be read (`moebius doctor` names a damaged one)."""
    try:
        return datetime.fromisoformat(state_file.read_plain(_file(settings)).strip())
    except (FileNotFoundError, DamagedStateError, ValueError):
        return None


def _file(settings: Settings) -> Path:
    return settings.home / "made"
