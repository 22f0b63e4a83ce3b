"""Small state as files: each write leaves a checksum in the file and a good copy beside it, each read proves both."""

import logging
import os
from pathlib import Path

from include.errors import DamagedStateError
from include.formats import sealed_text
from include.formats.atomic_file import write_together
from include.formats.sealed_text import Kept, copy_of

log = logging.getLogger(__name__)
WAY_OUT = "restore the file from a backup, or, where its content is right, run `moebius doctor --accept {}`"
_said: set[tuple[Path, str]] = set()
"""What was logged already: a page that reads a file every second says it once."""


def write(path: Path, text: str, *, private: bool = False, plain: bool = False, durable: bool = True) -> None:
    """Replace the good copy, then the file, each in one step; ``durable``: they survive a power cut.

    A full disk replaces neither: a copy that is newer than its file would be of what nobody was told is written.

    ``private``: only the owner can read them. ``plain``: the file holds the text alone, as other programs need it, and
    the checksum is in the copy.
    """
    sealed = sealed_text.seal(text)
    texts = {copy_of(path): sealed, path: text if plain else sealed}
    if not exists(path):  # killed in between, a first value is there without a copy: a copy alone says that it was lost
        texts = dict(reversed(texts.items()))
    write_together(texts, private=private, durable=durable)


def read(path: Path) -> str:
    """What was written; from the good copy, and logged as an error, where the file is damaged or gone.

    Raises FileNotFoundError without both; DamagedStateError, which names file and way out, when neither is good.
    """
    return _heard(path, look(path))


def read_plain(path: Path) -> str:
    """The same for a file that was written ``plain``."""
    return _heard(path, look(path, plain=True))


def look(path: Path, *, plain: bool = False) -> Kept:
    """What ``read`` or ``read_plain`` return, and why it had to be the copy; says nothing. Raises what they raise."""
    try:
        return _plain(path) if plain else sealed_text.read(path)
    except sealed_text.DamagedError as error:
        raise DamagedStateError(f"{error}; {WAY_OUT.format(path)}") from None


def exists(path: Path) -> bool:
    """Whether there is a file or, when it is gone, its good copy."""
    return path.is_file() or copy_of(path).is_file()


def delete(path: Path) -> None:
    """Delete copy and file: a kill in between leaves the file, never a copy that would stand in for it."""
    copy_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def below(directory: Path, pattern: str) -> list[Path]:
    """Files of the pattern in the directory, also those of which only the good copy is left, sorted."""
    lost = {original(copy) for copy in directory.glob(f".{pattern}.good")}
    return sorted({*directory.glob(pattern), *lost})


def stamp(facts: os.stat_result) -> str:
    """Of one value of a file: a new value is another file, and damage changes its time."""
    return f"{facts.st_ino}:{facts.st_size}:{facts.st_mtime_ns}"


def original(copy: Path) -> Path:
    """The file that a good copy is of."""
    return copy.with_name(copy.name.removeprefix(".").removesuffix(".good"))


def restore(path: Path, *, plain: bool = False, private: bool = False) -> None:
    """Put the good copy in the place of a damaged file, which stays beside it as ``.<name>.damaged``."""
    text = look(path, plain=plain).text
    if path.exists():
        path.replace(path.with_name(f".{path.name}.damaged"))
    write(path, text, plain=plain, private=private)


def _heard(path: Path, kept: Kept) -> str:
    if kept.fault and (path, kept.fault) not in _said:
        _said.add((path, kept.fault))
        log.error(
            "%s is damaged: %s; its last good copy is used: `moebius doctor --repair` puts it back", path, kept.fault
        )
    return kept.text


def _plain(path: Path) -> Kept:
    """The copy decides, unless the file has grown, as by a key that was added; without a copy the file counts."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        text = None
    except UnicodeDecodeError:
        text = "\0"
    try:
        good = sealed_text.copied(path)
    except (FileNotFoundError, sealed_text.DamagedError):
        if text is None:
            raise FileNotFoundError(path) from None
        if not text.strip() or "\0" in text:
            raise sealed_text.DamagedError(f"{path} is damaged, and has no good copy") from None
        return Kept(text, False, "")
    if text is None:
        return Kept(good, True, "it is gone")
    if text.startswith(good.rstrip()) and all(line.isprintable() for line in text.split("\n")):
        return Kept(text, text == good, "")
    return Kept(good, True, "it is not what was written")
