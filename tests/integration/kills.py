"""What a kill leaves: the disk as it is right before each effect that a step has on its files.

A killed process runs no further line and gives its locks back, so all that it leaves is what the disk has then. The
step runs once; before each effect its directory is copied, and before a file gets its name also with half of its bytes.
Each copy is then opened as a process that starts later would. What Delta and SQLite do within one commit is theirs.
"""

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

PATH_OF = {
    "open": 0, "os.rename": 0, "os.link": 1, "os.remove": 0, "os.mkdir": 0, "os.rmdir": 0, "os.truncate": 0,
    "sqlite3.connect": 0,
}  # fmt: skip
"""Events of the interpreter that change files; which of their arguments is the path."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_watched: list[Callable[[str, Path], None]] = []
"""Who hears of an effect; an audit hook cannot be taken away again."""


def instants(home: Path, step: Callable[[], object], into: Path) -> list[tuple[str, Path]]:
    """Run the step to its end; before each effect below ``home``: which it is, and a copy of what a kill leaves."""
    found: list[tuple[str, Path]] = []

    def copied(effect: str, path: Path) -> Path:
        place = into / f"{len(found):03d}"
        shutil.copytree(home, place)
        found.append((effect, place))
        return place / path.relative_to(home)

    def heard(event: str, path: Path) -> None:
        effect = f"{event} {path.relative_to(home)}"
        if found and found[-1][0] == effect:  # a file is made, then written
            return
        if event == "os.rename" and path.is_file():
            os.truncate(copied(f"half of {path.relative_to(home)}", path), path.stat().st_size // 2)
        copied(effect, path)

    with _watching(home, heard):
        step()
    return found


@contextmanager
def _watching(home: Path, hear: Callable[[str, Path], None]) -> Iterator[None]:
    def heard(event: str, path: Path) -> None:
        if path.is_relative_to(home):
            _watched.remove(heard)  # not of what the listener does itself
            try:
                hear(event, path)
            finally:
                _watched.append(heard)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "get_native_id", lambda: 0)  # what is aside is of another process than those after it
        for name in ("create", "create_write_transaction"):
            patch.setattr(DeltaTable, name, _told(name, getattr(DeltaTable, name)))
        _watched.append(heard)
        try:
            yield
        finally:
            _watched.remove(heard)


def _told(name: str, commit: Callable[..., Any]) -> Callable[..., Any]:
    def told(table: Any, *given: Any, **named: Any) -> Any:
        _tell(name, Path((table if isinstance(table, str) else table.table_uri).removeprefix("file://")))
        return commit(table, *given, **named)

    return told


def _tell(event: str, path: Path) -> None:
    for hear in [*_watched]:
        hear(event, path)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched or event not in PATH_OF:
        return
    path = arguments[PATH_OF[event]]
    if isinstance(path, int) or (event == "open" and not _writes(path, arguments[2])):
        return
    if not (event == "os.mkdir" and Path(os.fsdecode(path)).is_dir()):
        _tell(event, _absolute(path, arguments[-1]))


def _writes(path: Any, flags: int) -> bool:
    """Locks are opened to write, and stay empty."""
    return bool(flags & WRITES) and not os.fspath(path).endswith(".lock")


def _absolute(path: Any, directory: Any) -> Path:
    """``shutil.rmtree`` names files below an open directory."""
    named = Path(os.fsdecode(path))
    return named if named.is_absolute() else Path(f"/proc/self/fd/{directory}").readlink() / named


sys.addaudithook(_hook)
