"""Proves that a file has the bytes that it was written with, by SHA-256."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from include.errors import DamagedFileError

CHUNK = 1 << 20  # bytes that are in memory at once
Stamp = tuple[int, int, int, int]


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; OSError when they cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_on_disk(path: Path) -> str:
    """The same of what the disk holds: what the system still has of the file in memory does not count."""
    with path.open("rb", buffering=0) as file:
        os.fdatasync(file.fileno())  # a page that was not written yet would stay
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class Proofs:
    """The files that this process proved, so that a hot file is read once; a file that changed is proved again."""

    limit: int = 65_536
    _proved: dict[tuple[str, str], Stamp] = field(default_factory=dict)

    def holds(self, file: str, expected: str) -> bool:
        """Whether it was proved, and nothing touched it since."""
        known = self._proved.get((file, expected))
        try:
            return known is not None and known == _stamp(Path(file))
        except OSError:
            return False

    def prove(self, path: Path, expected: str, what: str, way_out: str, *, again: bool = False) -> None:
        """Raises DamagedFileError, which names the file and the way out, when it has other bytes or is gone.

        ``again``: whatever was proved before, and what the disk holds.
        """
        place = str(path), expected
        try:
            stamp = _stamp(path)
            if not again and self._proved.get(place) == stamp:
                return
            digest = sha256_on_disk(path) if again else sha256(path)
        except OSError as error:
            raise DamagedFileError(f"{what}: {path} cannot be read ({error.strerror}); {way_out}") from error
        if digest != expected:
            self._proved.pop(place, None)
            hashes = f"its SHA-256 is {digest[:12]}, it was written with {expected[:12]}"
            raise DamagedFileError(f"{what}: {path} is damaged ({hashes}, {stamp[0]} bytes); {way_out}")
        if len(self._proved) >= self.limit:
            self._proved.clear()
        self._proved[place] = stamp


def _stamp(path: Path) -> Stamp:
    known = path.stat()
    return known.st_size, known.st_mtime_ns, known.st_ctime_ns, known.st_ino


PROOFS = Proofs()
"""Those of this process."""
