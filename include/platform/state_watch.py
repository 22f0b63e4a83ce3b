"""How many small files, keys and databases of the state root are damaged: looked at again and again, at little cost."""

import time
from collections import Counter
from pathlib import Path

from include.contracts.operations import DamagedState
from include.errors import DamagedStateError
from include.formats import delta_log, sealed_text
from include.platform import databases, identity
from include.platform.doctor import ROOMS, Doctor
from include.settings import Settings

WHOLE_SECONDS = 3600.0
"""After so long files are read again that do not look changed."""
SAID_SECONDS = 24 * 3600.0
"""So long an entry of a Delta log that was put back counts."""
Stamp = tuple[float, int, float, int]


class StateWatch:
    """A file is read again when it or its copy looks changed, and once an hour."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._doctor = settings, Doctor(settings)
        self._seen: dict[Path, tuple[Stamp, bool]] = {}
        self._since = time.monotonic()

    def look(self) -> list[DamagedState]:
        """Damaged files per room; 0 too, so that an alert ends."""
        if time.monotonic() - self._since > WHOLE_SECONDS:
            self._seen, self._since = {}, time.monotonic()
        counts = Counter(dict.fromkeys((*ROOMS, "databases", "lake", "marks"), 0))
        for path in self._doctor.files():
            counts[self._room(path)] += self._is_damaged(path)
        counts["keys"] += self._damaged_keys()
        counts["databases"] += self._damaged_databases()
        counts["lake"] += sum(_is_recent(path) for path in delta_log.restored(self._settings.lake))
        return [DamagedState(room=room, files=files) for room, files in sorted(counts.items())]

    def _room(self, path: Path) -> str:
        parts = path.relative_to(self._settings.home).parts
        return parts[0] if len(parts) > 1 and parts[0] in ROOMS else "marks"

    def _is_damaged(self, path: Path) -> bool:
        stamp = (*_stamp(path), *_stamp(sealed_text.copy_of(path)))
        if path not in self._seen or self._seen[path][0] != stamp:
            self._seen[path] = stamp, self._doctor.fault(path) is not None
        return self._seen[path][1]

    def _damaged_keys(self) -> int:
        try:
            return len(list(identity.faults_of_keys(self._settings)))
        except DamagedStateError:  # counted as a file
            return 0

    def _damaged_databases(self) -> int:
        try:
            noted = identity.read(self._settings).databases
        except DamagedStateError:
            noted = {}
        homes = [(self._settings.home / one.file, noted.get(one.file, "")) for one in databases.DATABASES]
        return sum(bool(databases.fault_outside(path, since)) for path, since in homes)


def _stamp(path: Path) -> tuple[float, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0.0, -1
    return status.st_mtime, status.st_size


def _is_recent(path: Path) -> bool:
    return time.time() - path.stat().st_ctime < SAID_SECONDS
