"""Space of the file systems that hold state: bytes and inodes, and how a full one shows itself in an error."""

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from include.contracts.record import Record

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
WORDS = ("no space left on device", "database or disk is full", "disk quota exceeded", "os error 28", "os error 122")
"""How libraries say it that pass no error number on: Delta, DuckDB, SQLite, and servers in their answers."""
SUSPICIOUS = ("disk i/o error", "unable to open database file", "could not write all bytes")
"""What they say of a full disk among other faults: SQLite has no room for the file beside a database, say."""
SCARCE = 0.01
"""Share of free bytes or inodes below which a file system is the one that is meant."""
MEBIBYTE = 2**20


class DiskSpace(Record):
    """One file system: where it is mounted, which of our directories it holds, bytes and inodes in all and free.

    A file system without a fixed number of inodes has 0 of them.
    """

    mount: str
    holds: str
    size_bytes: int
    free_bytes: int
    inodes: int
    free_inodes: int

    @property
    def free_share(self) -> float:
        """Of bytes or of inodes, whichever is smaller."""
        of_inodes = self.free_inodes / self.inodes if self.inodes else 1.0
        return min(of_inodes, self.free_bytes / self.size_bytes if self.size_bytes else 1.0)

    @property
    def scarce(self) -> bool:
        return self.free_share < SCARCE

    def __str__(self) -> str:
        size = f"{self.free_bytes / MEBIBYTE:,.1f} of {self.size_bytes / MEBIBYTE:,.1f} MiB"
        inodes = f" and {self.free_inodes:,} of {self.inodes:,} inodes" if self.inodes else ""
        return f"{self.mount} (holds {self.holds}): {size}{inodes} are free"


def file_systems(directories: Iterable[tuple[str, Path]]) -> list[DiskSpace]:
    """Each file system once, however many of these named directories are on it; what does not exist is left out.

    Raises OSError when one cannot be asked.
    """
    found: dict[int, tuple[Path, list[str]]] = {}
    for name, path in directories:
        if path.exists():
            _, names = found.setdefault(path.stat().st_dev, (path, []))
            if name not in names:
                names.append(name)
    return [_space(path, ", ".join(names)) for path, names in found.values()]


def space_of(path: Path) -> DiskSpace:
    """The file system of a path, or of the nearest directory above it that exists."""
    there = next(one for one in (path, *path.parents) if one.exists())
    return _space(there, str(path))


def full(error: BaseException) -> OSError | None:
    """The error of a full disk in this one or its causes, with its file where that is known; None of another fault."""
    for one in chain(error):
        if isinstance(one, OSError) and one.errno in FULL:
            return one
        if any(words in str(one).lower() for words in WORDS):
            return OSError(errno.ENOSPC, str(one))
    return None


def suspicious(error: BaseException) -> bool:
    """Whether it may be one of a full disk, if there is one."""
    return any(words in str(one).lower() for one in chain(error) for words in SUSPICIOUS)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, newest first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _space(path: Path, holds: str) -> DiskSpace:
    facts = os.statvfs(path)
    return DiskSpace(
        mount=str(_mount(path.resolve())),
        holds=holds,
        size_bytes=facts.f_blocks * facts.f_frsize,
        free_bytes=facts.f_bavail * facts.f_frsize,
        inodes=facts.f_files,
        free_inodes=facts.f_favail,
    )


def _mount(path: Path) -> Path:
    while not os.path.ismount(path):
        path = path.parent
    return path
