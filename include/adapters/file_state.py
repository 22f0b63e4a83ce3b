"""Small state as files on one disk: the key is the file's path below the root."""

import hashlib
import os
from pathlib import Path

from include.errors import ConflictError
from include.formats import state_file
from include.formats.atomic_file import asides
from include.formats.directory_stamp import directory_stamp
from include.ports.state import ABSENT, Locks, Versioned


class FileState:
    """Files below ``root``, readable where they lie; changes of one directory wait for each other by a lock.

    Each has a checksum and a good copy: a damaged one is read from its copy, and raises DamagedStateError without it.
    """

    def __init__(self, root: Path, locks: Locks) -> None:
        self.root, self._locks = root, locks

    def __str__(self) -> str:
        return str(self.root)

    def get(self, key: str) -> Versioned | None:
        try:
            text = state_file.read(self.root / key)
        except FileNotFoundError:
            return None
        return Versioned(text, _version(text))

    def put(self, key: str, text: str, expected: str | None = None, *, private: bool = False) -> str:
        """As the port says; the version is the content's hash: a value that came back is the one that was read."""
        with self._locks.hold(self._lock(key)):
            if expected is not None and (current := self._current(key)) != expected:
                raise ConflictError(f"{self.root / key} is at version {current or 'none'}, not {expected or 'none'}")
            before = self._changed_at(key)
            state_file.write(self.root / key, text, private=private)
            if self._changed_at(key) <= before:  # within one tick of the disk's clock
                os.utime(self.root / key, ns=(before + 1, before + 1))
        return _version(text)

    def delete(self, key: str) -> None:
        """As the port says; what killed writers of the value left goes too, since it holds the value."""
        with self._locks.hold(self._lock(key)):
            state_file.delete(self.root / key)
            for aside in asides(self.root / key):
                aside.unlink(missing_ok=True)

    def stamp(self, key: str) -> str:
        """Inode, size and time: a value is replaced by another file, and damage changes the time."""
        try:
            return state_file.stamp((self.root / key).stat())
        except FileNotFoundError:
            return ""

    def stamps(self, room: str) -> dict[str, str]:
        """As the port says; a value of which only the good copy is left has no stamp."""
        if not (directory := self.root / room).is_dir():
            return {}
        with os.scandir(directory) as entries:
            files = {entry.name: entry for entry in entries if entry.is_file()}
        there = {name: state_file.stamp(entry.stat()) for name, entry in files.items() if not name.startswith(".")}
        lost = {
            state_file.original(Path(name)).name: ""
            for name in files
            if name.startswith(".") and name.endswith(".good")
        }
        return {f"{room}/{name}": stamp for name, stamp in sorted({**lost, **there}.items())}

    def room_stamp(self, room: str) -> str:
        """As the port says: each value is replaced by another file."""
        return directory_stamp(self.root / room)

    def keys(self, prefix: str) -> list[str]:
        """As the port says; hidden files are locks and values that are being written."""
        there, copies = (self.root / prefix).rglob("[!.]*"), (self.root / prefix).rglob(".*.good")
        files = {*(file for file in there if file.is_file()), *map(state_file.original, copies)}
        return sorted(str(file.relative_to(self.root)) for file in files)

    def _current(self, key: str) -> str:
        value = self.get(key)
        return value.version if value else ABSENT

    def _changed_at(self, key: str) -> int:
        """Nanoseconds; -1 without a file. It rises with each value, so that no stamp comes twice."""
        try:
            return (self.root / key).stat().st_mtime_ns
        except FileNotFoundError:
            return -1

    def _lock(self, key: str) -> str:
        return str(Path(key).with_name("state"))


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
