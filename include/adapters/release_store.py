"""Packaged releases on disk: ``releases/<usecase>/r0001/`` …; each is complete or absent."""

import hashlib
from pathlib import Path

from include.contracts.deployment import ReleaseRef, release_number
from include.errors import NotFoundError
from include.ports.state import Locks


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
            (staged / "model_version").write_text(str(model_version))
            staged.replace(home / name)
        return self.get(usecase, name)

    def get(self, usecase: str, name: str) -> ReleaseRef:
        """Raises NotFoundError, naming the releases that there are."""
        path = self.root / usecase / name
        if name not in self._names(usecase):
            raise NotFoundError(f"{usecase} has no release {name!r}; there are {self._names(usecase)}")
        return ReleaseRef(
            usecase=usecase,
            name=name,
            model_version=int((path / "model_version").read_text()),
            path=str(path),
            content_hash=hashlib.sha256((path / "release.json").read_bytes()).hexdigest(),
        )

    def all(self, usecase: str) -> list[ReleaseRef]:
        """Oldest first."""
        return [self.get(usecase, name) for name in self._names(usecase)]

    def _names(self, usecase: str) -> list[str]:
        names = (p.parent.name for p in (self.root / usecase).glob("r[0-9]*/release.json"))
        return sorted(names, key=release_number)
