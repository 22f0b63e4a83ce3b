"""Where the files of a Delta table are: Delta speaks URIs, all else paths, and this is the one place between them.

Delta's reader decodes a path twice: of a directory ``c%20d`` it would read ``c d``. Such a directory is named to it
through the process's own open descriptor instead (``fs:///proc/self/fd/7``), which has nothing to decode.
"""

import os
import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

from include.errors import SettingsError
from include.formats import delta_log

_ALTERED = re.compile(r"%[0-9a-fA-F]{2}|[#?\\\x00-\x1f\x7f]")
DESCRIPTORS = Path("/proc/self/fd")


class Place:
    """An existing directory of a Delta table and its ``uri`` for Delta, which holds as long as this object lives.

    Raises SettingsError where the directory's name cannot be given to Delta: it is no Unicode, or without ``/proc``.
    """

    def __init__(self, table: Path) -> None:
        _require_unicode(table)
        self.table, self.uri = table, table.absolute().as_uri()
        self.is_indirect = bool(_ALTERED.search(str(table.resolve())))
        if self.is_indirect:
            if not DESCRIPTORS.is_dir():
                raise SettingsError(
                    f"{table}: Delta would decode the '%' or '\\' in this path; set MOEBIUS_HOME to a directory without"
                )
            descriptor = os.open(table, os.O_RDONLY | os.O_DIRECTORY)
            weakref.finalize(self, os.close, descriptor)
            self.uri = f"fs://{DESCRIPTORS}/{descriptor}"

    def paths(self, uris: list[str], root: str) -> list[str]:
        """The paths of files that Delta names by URIs below the table's ``root``."""
        start = len(_without_scheme(root))
        return [f"{self.table}/{unquote(_without_scheme(uri)[start:]).lstrip('/')}" for uri in uris]


@contextmanager
def committing(place: Place) -> Iterator[Place]:
    """Where Delta may commit; the commit counts when the block ends well.

    What is named through a descriptor has no atomic rename: there, Delta commits into a directory aside that has the
    same log, and a hard link makes the entry count. Raises FileExistsError when another writer won meanwhile.
    """
    if not place.is_indirect:
        yield place
        return
    log = place.table / delta_log.LOG
    log.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix=".commit-", dir=place.table) as directory:
        aside = Path(directory, delta_log.LOG)
        aside.mkdir()
        before = _entries(log)
        for name in before:
            (aside / name).hardlink_to(log / name)
        yield Place(Path(directory))
        for name in sorted(_entries(aside) - before):
            (log / name).hardlink_to(aside / name)


def _require_unicode(table: Path) -> None:
    try:
        str(table.absolute()).encode()
    except UnicodeEncodeError:
        raise SettingsError(
            f"{str(table)!r}: a name in this path is no Unicode, which Delta needs; set MOEBIUS_HOME to another one"
        ) from None


def _entries(log: Path) -> set[str]:
    return {path.name for path in log.iterdir()} - {delta_log.LAST}


def _without_scheme(uri: str) -> str:
    return uri.removeprefix("file://")
