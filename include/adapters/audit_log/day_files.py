"""The files of the log: ``<day>.jsonl`` has an entry a line, ``<day>.tree`` its leaf hash, ``<day>.leaves`` batches'.

A line is written and on disk before its leaf hash is. So a line that was cut short by a kill or a power cut has no
leaf hash: it was never an entry, and is put aside. A whole line without one gets it. The number of leaf hashes is the
number of entries, whatever was done to the lines.
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from include.errors import DamagedStateError
from include.formats import merkle
from include.formats.atomic_file import sync

log = logging.getLogger(__name__)

BACK = 1 << 16
"""Bytes that are read at once, from the end, to find the last line."""


class DayFiles:
    """One writer at a time: whoever appends holds the log's lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def days(self) -> list[str]:
        """Days with entries, sorted."""
        return sorted(file.stem for file in self._directory.glob("[0-9]*.jsonl"))

    def size(self, day: str) -> int:
        tree = self._tree(day)
        return tree.stat().st_size // merkle.SIZE if tree.is_file() else 0

    def tree(self, day: str) -> bytes:
        """The leaf hashes of the day's entries."""
        content = self._tree(day).read_bytes() if self._tree(day).is_file() else b""
        return content[: len(content) - len(content) % merkle.SIZE]

    def lines(self, day: str) -> Iterator[bytes]:
        """The day's whole lines, without their ends."""
        with self._lines(day).open("rb") as lines:
            yield from (line[:-1] for line in lines if line.endswith(b"\n"))

    def repair(self, day: str) -> int:
        """Put a line aside that was cut short, and complete the leaf hashes; bytes put aside."""
        lines, tree = self._lines(day), self._tree(day)
        if not lines.is_file():
            return 0
        end, last = _last_line(lines)
        torn = lines.stat().st_size - end
        if torn:
            self._put_aside(lines, end)
        if tree.is_file() and (odd := tree.stat().st_size % merkle.SIZE):
            os.truncate(tree, tree.stat().st_size - odd)
        if last is not None and _number(last) >= self.size(day):
            self._complete(day)
        return torn

    def append(self, day: str, lines: Sequence[bytes]) -> None:
        """Whole entries, in their order; on disk when this returns."""
        _write(self._lines(day), b"".join(line + b"\n" for line in lines))
        _write(self._tree(day), b"".join(map(merkle.leaf_hash, lines)), durable=False)

    def append_leaves(self, day: str, leaves: bytes) -> int:
        """The leaf hashes of a batch; the position of the first."""
        file = self._directory / f"{day}.leaves"
        size = file.stat().st_size if file.is_file() else 0
        if odd := size % merkle.SIZE:
            os.truncate(file, size - odd)
        _write(file, leaves)
        return size // merkle.SIZE

    def leaves(self, day: str, offset: int, size: int) -> bytes:
        file = self._directory / f"{day}.leaves"
        try:
            with file.open("rb") as content:
                content.seek(offset * merkle.SIZE)
                found = content.read(size * merkle.SIZE)
        except FileNotFoundError:
            found = b""
        if len(found) < size * merkle.SIZE:
            raise DamagedStateError(
                f"{file} lacks leaves {offset} to {offset + size - 1}, which a batch of {day} names: restore it from a "
                "backup; `moebius audit verify` says what else was changed"
            )
        return found

    def replace_lines(self, day: str, lines: Sequence[bytes]) -> None:
        """Other lines in the place of the day's, in one step; their leaf hashes stay."""
        aside = self._directory / f".{day}.aside"
        aside.write_bytes(b"".join(line + b"\n" for line in lines))
        sync(aside)
        aside.replace(self._lines(day))
        sync(self._directory)

    def _complete(self, day: str) -> None:
        """The leaf hashes of lines that a killed writer did not come to."""
        size = self.size(day)
        missing = [line for line in self.lines(day) if _number(line) >= size]
        _write(self._tree(day), b"".join(map(merkle.leaf_hash, missing)), durable=False)

    def _put_aside(self, lines: Path, end: int) -> None:
        with lines.open("rb") as content:
            content.seek(end)
            rest = content.read()
        with (self._directory / f"{lines.stem}.torn").open("ab") as torn:
            torn.write(rest + b"\n")
        os.truncate(lines, end)
        log.error("%s: the last %d bytes are no whole entry, and were put aside: a writer was killed", lines, len(rest))

    def _lines(self, day: str) -> Path:
        return self._directory / f"{day}.jsonl"

    def _tree(self, day: str) -> Path:
        return self._directory / f"{day}.tree"


def _last_line(file: Path) -> tuple[int, bytes | None]:
    """Where the last whole entry ends, and the entry; what a power cut left as zeros is none."""
    with file.open("rb") as content:
        end = content.seek(0, os.SEEK_END)
        begin, tail = end, b""
        while begin and tail.count(b"\n") < 3:
            begin = max(begin - BACK, 0)
            content.seek(begin)
            tail = content.read(end - begin)
    lines = tail.split(b"\n")
    end -= len(lines.pop())
    while lines and lines[-1] and _number(lines[-1]) < 0:
        end -= len(lines.pop()) + 1
    return end, (lines[-1] if lines and lines[-1] else None)


def _number(line: bytes) -> int:
    """The number of an entry; -1 of what is none."""
    try:
        return int(json.loads(line)["n"])
    except (ValueError, KeyError, TypeError):
        return -1


def _write(file: Path, content: bytes, durable: bool = True) -> None:
    new = not file.exists()
    with file.open("ab") as appended:
        appended.write(content)
        appended.flush()
        if durable:
            os.fsync(appended.fileno())
    if new and durable:
        sync(file.parent)
