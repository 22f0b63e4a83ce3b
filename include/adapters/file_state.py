"""Small state as files on one disk: the key is the file's path below the root."""

import hashlib
from pathlib import Path

from include.contracts.atomic_file import write_atomically
from include.errors import ConflictError
from include.ports.state import ABSENT, Locks, Versioned


class FileState:
    """Files below ``root``, readable where they lie; changes of one directory wait for each other by a lock."""

    def __init__(self, root: Path, locks: Locks) -> None:
        self.root, self._locks = root, locks

    def __str__(self) -> str:
        return str(self.root)

    def get(self, key: str) -> Versioned | None:
        try:
            text = (self.root / key).read_text()
        except FileNotFoundError:
            return None
        return Versioned(text, _version(text))

    def put(self, key: str, text: str, expected: str | None = None, *, private: bool = False) -> str:
        """As the port says; the version is the content's hash: a value that came back is the one that was read."""
        with self._locks.hold(self._lock(key)):
            if expected is not None and (current := self._current(key)) != expected:
                raise ConflictError(f"{self.root / key} is at version {current or 'none'}, not {expected or 'none'}")
            write_atomically(self.root / key, text, private=private, durable=True)
        return _version(text)

    def delete(self, key: str) -> None:
        with self._locks.hold(self._lock(key)):
            (self.root / key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> list[str]:
        """As the port says; hidden files are locks and values that are being written."""
        files = (self.root / prefix).rglob("[!.]*")
        return sorted(str(file.relative_to(self.root)) for file in files if file.is_file())

    def _current(self, key: str) -> str:
        value = self.get(key)
        return value.version if value else ABSENT

    def _lock(self, key: str) -> str:
        return str(Path(key).with_name("state"))


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
