"""Replaces files in one step each."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path


def write_atomically(path: Path, text: str, *, private: bool = False, durable: bool = False) -> None:
    """Replace ``path`` in one step: a reader sees the old or the new text, never half of it.

    ``private``: nobody but the owner can read it, at no moment. ``durable``: it survives a power cut. What a full disk
    did not take whole is taken away again. A file that holds the text already stays as it is: a service whose
    configuration did not change starts on a full disk too.
    """
    write_together({path: text}, private=private, durable=durable)


def write_together(texts: Mapping[Path, str], *, private: bool = False, durable: bool = False) -> None:
    """The same for several files, one after the other: none is replaced before the disk has taken all of them."""
    mode, asides = 0o600 if private else 0o666, dict[Path, Path]()
    try:
        for path, text in texts.items():
            if not _holds(path, text, mode):
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
                # one writer, one file
                asides[path] = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.aside")
                _fill(asides[path], text, mode, durable)
        for path, aside in asides.items():
            aside.replace(path)
    except OSError:
        for aside in asides.values():
            aside.unlink(missing_ok=True)
        raise
    if durable:
        for directory in {path.parent for path in asides}:
            sync(directory)


def asides(path: Path) -> list[Path]:
    """What writers of the file, or of its good copy, have not put in its place: they write now, or were killed."""
    return [*path.parent.glob(f".{path.name}.*-*.aside"), *path.parent.glob(f"..{path.name}.good.*-*.aside")]


def _fill(aside: Path, text: str, mode: int, durable: bool) -> None:
    aside.touch(mode=mode)
    aside.write_text(text)
    if durable:
        sync(aside)


def _holds(path: Path, text: str, mode: int) -> bool:
    """Whether it is a file with this text that nobody more can read than may."""
    try:
        return path.read_bytes() == text.encode() and not path.stat().st_mode & 0o777 & ~mode
    except (OSError, UnicodeEncodeError):
        return False


def sync(path: Path) -> None:
    """Wait until the disk has the file's content, or the directory's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
