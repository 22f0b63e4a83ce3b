"""Packaged releases on disk: ``releases/<usecase>/r0001/`` …; each is complete or absent."""

import hashlib
import logging
from pathlib import Path

from include.contracts.deployment import ReleaseRef, release_number
from include.errors import DamagedStateError, NotFoundError
from include.formats import state_file
from include.ports.state import Locks

log = logging.getLogger(__name__)
MANIFEST, VERSION = "release.json", "model_version"


class DirectoryReleases:
    """Release directories below ``root``."""

    def __init__(self, root: Path, locks: Locks) -> None:
        self.root, self._locks = root, locks

    def add(self, usecase: str, staged: Path, model_version: int) -> ReleaseRef:
        """Rename a complete staged directory to the next free name."""
        home = self.root / usecase
        home.mkdir(parents=True, exist_ok=True)
        with self._locks.hold(f"releases/{usecase}/adding"):
            name = f"r{max((int(n[1:]) for n in self._names(usecase)), default=0) + 1:04d}"
            state_file.write(staged / VERSION, str(model_version), plain=True)
            staged.replace(home / name)
        return self.get(usecase, name)

    def get(self, usecase: str, name: str) -> ReleaseRef:
        """Raises NotFoundError, naming the releases that there are; DamagedStateError."""
        path = self.root / usecase / name
        if name not in self._names(usecase):
            raise NotFoundError(f"{usecase} has no release {name!r}; there are {self._names(usecase)}")
        return ReleaseRef(
            usecase=usecase,
            name=name,
            model_version=_number(path / VERSION),
            path=str(path),
            content_hash=hashlib.sha256(state_file.read(path / MANIFEST).encode()).hexdigest(),
        )

    def all(self, usecase: str) -> list[ReleaseRef]:
        """Oldest first; one that is damaged is logged and left out: it stops itself only."""
        return [found for name in self._names(usecase) if (found := self._readable(usecase, name))]

    def _readable(self, usecase: str, name: str) -> ReleaseRef | None:
        try:
            return self.get(usecase, name)
        except DamagedStateError as error:
            log.error("release %s of %s is left out: %s", name, usecase, error)
            return None

    def _names(self, usecase: str) -> list[str]:
        homes = (self.root / usecase).glob("r[0-9]*")
        return sorted((p.name for p in homes if state_file.exists(p / MANIFEST)), key=release_number)


def _number(file: Path) -> int:
    try:
        return int(state_file.read_plain(file))
    except (ValueError, FileNotFoundError):
        raise DamagedStateError(
            f"{file} does not hold the number of a model version: write there what `model_version` in {MANIFEST} says"
        ) from None
