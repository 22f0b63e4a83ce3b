"""Finds given values in tables, text and database files. No result contains a value.

A file is searched as bytes; Parquet by its columns' distinct values, because its pages are compressed; ``.gz`` and
``.zip`` unpacked. A finding names place, file, column and count.
"""

import gzip
import json
import os
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SHORTEST = 5  # bytes: shorter values are in any file by chance
SURE = 8  # bytes: shorter ones count only where no letter or digit (of any alphabet) stands beside them
CHUNK = 16 * 1024 * 1024
_BITS = 22
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_LETTER = 4  # bytes of the longest letter in UTF-8

SOURCES = ("landing",)
"""Rooms of the state root that others fill: they hold source files, in clear by their nature."""


@dataclass(frozen=True)
class Finding:
    """So many distinct values are in a file (of a column, where it has columns)."""

    file: Path
    column: str
    values: int


class Search(Protocol):
    """What can tell which values are in bytes; ``whole`` are those that are compared as a column's value."""

    @property
    def whole(self) -> frozenset[str]: ...

    def found(self, content: bytes) -> set[bytes]: ...

    def found_in(self, chunks: Iterator[bytes]) -> set[bytes]: ...


class Matcher:
    """Finds any of many values in bytes: windows of the first bytes are looked up at once, then compared.

    Values shorter than ``SHORTEST`` bytes are only known as whole values (``whole``); ``short`` counts them. So are
    those that are not among ``anywhere``, where it is given.
    """

    def __init__(self, values: Collection[str], anywhere: Collection[str] | None = None) -> None:
        self.whole = frozenset(v for v in values if v)
        searched = self.whole if anywhere is None else self.whole & frozenset(anywhere)
        written = {form for v in searched for form in (v, json.dumps(v)[1:-1])}
        patterns = {form.encode() for form in written if len(form.encode()) >= SHORTEST}
        self.short = sum(len(v.encode()) < SHORTEST for v in self.whole)
        self.width = min((8, *map(len, patterns)))
        self._longest = max(map(len, patterns), default=0)
        self._by_start: dict[bytes, list[bytes]] = {}
        for pattern in patterns:
            self._by_start.setdefault(pattern[: self.width], []).append(pattern)
        self._starts = np.zeros(1 << _BITS, bool)
        for start in self._by_start:
            self._starts[_slots(_windows(np.frombuffer(start, np.uint8), self.width))] = True

    def found(self, content: bytes) -> set[bytes]:
        """Which patterns are in the bytes."""
        if not self._by_start or len(content) < self.width:
            return set()
        windows = _windows(np.frombuffer(content, np.uint8), self.width)
        candidates = np.flatnonzero(self._starts[_slots(windows)]).tolist()
        return {
            pattern
            for at in candidates
            for pattern in self._by_start.get(content[at : at + self.width], ())
            if content.startswith(pattern, at) and _stands_alone(content, at, pattern)
        }

    def found_in(self, chunks: Iterator[bytes]) -> set[bytes]:
        """As ``found``, over pieces of one text: what a border cuts is found too."""
        values: set[bytes] = set()
        rest = b""
        for chunk in chunks:
            content = rest + chunk
            values |= self.found(content)
            rest = content[-(self._longest + 1) :]
        return values


def _windows(content: np.ndarray, width: int) -> np.ndarray:
    """Each run of ``width`` (at most 8) bytes as one number."""
    padded = np.concatenate([content, np.zeros(8 - width, np.uint8)])
    eight = np.ndarray(len(content) - width + 1, ">u8", padded, strides=(1,))  # they overlap
    return eight.astype(np.uint64) >> np.uint64(8 * (8 - width))


def _slots(windows: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return (windows * _SPREAD) >> np.uint64(64 - _BITS)


def _stands_alone(content: bytes, at: int, pattern: bytes) -> bool:
    if len(pattern) >= SURE:
        return True
    end = at + len(pattern)
    before = content[max(at - _LETTER, 0) : at].decode(errors="replace")
    after = content[end : end + _LETTER].decode(errors="replace")
    return not before[-1:].isalnum() and not after[:1].isalnum()


def search(root: Path, matcher: Search, columns: Collection[str] = (), skip: Collection[str] = ()) -> list[Finding]:
    """Findings in every file below ``root``, except below the ``skip`` names at its top, sorted by file.

    In columns named ``columns`` every value is compared whole, however short.
    """
    return [finding for file in files(root, skip) for finding in search_file(file, matcher, columns)]


def files(root: Path, skip: Collection[str] = ()) -> list[Path]:
    """Regular files below ``root``; links are not followed, a directory that goes away meanwhile has none."""
    rooms = [p for p in sorted(root.iterdir()) if p.name not in skip] if root.is_dir() else []
    below = [p for room in rooms for p in ([room] if room.is_file() else sorted(_below(room)))]
    return [p for p in below if p.is_file() and not p.is_symlink()]


def _below(room: Path) -> Iterator[Path]:
    return (Path(directory, name) for directory, _, names in os.walk(room) for name in names)


def search_file(file: Path, matcher: Search, columns: Collection[str] = ()) -> list[Finding]:
    """Findings in one file; a file that goes away meanwhile has none."""
    try:
        return _search_parquet(file, matcher, columns) if file.suffix == ".parquet" else _search_bytes(file, matcher)
    except FileNotFoundError:
        return []


def _search_bytes(file: Path, matcher: Search, column: str = "") -> list[Finding]:
    try:
        values = matcher.found_in(_pieces(file))
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile):  # half written: its bytes still tell
        with file.open("rb") as content:
            values = matcher.found_in(_chunks(content))
    return [Finding(file, column, len(values))] if values else []


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as raw:
        start = raw.read(4)
    if start[:2] == b"\x1f\x8b":
        with gzip.open(file) as unpacked:
            yield from _chunks(cast("IO[bytes]", unpacked))
    elif start == b"PK\x03\x04" and zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                with archive.open(name) as content:
                    yield from _chunks(content)
                yield b"\n" * 4
    else:
        with file.open("rb") as content:
            yield from _chunks(content)


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(CHUNK):
        yield chunk


def _search_parquet(file: Path, matcher: Search, columns: Collection[str]) -> list[Finding]:
    """Values by column; and the file's own bytes, where statistics and metadata stand in clear."""
    try:
        reader = pq.ParquetFile(file)
    except pa.ArrowInvalid:  # half written, or no Parquet inside: its bytes still tell
        return _search_bytes(file, matcher)
    with reader:
        counted = {one.name: len(_in_column(reader, one, matcher, one.name in columns)) for one in reader.schema_arrow}
    findings = [Finding(file, name, count) for name, count in counted.items() if count]
    return findings or _search_bytes(file, matcher, "(file)")


def _in_column(reader: pq.ParquetFile, field: pa.Field, matcher: Search, whole: bool) -> set[bytes]:
    values: set[bytes] = set()
    if not (whole or _is_text(field.type)):
        return values
    for batch in reader.iter_batches(columns=[field.name]):
        column = batch.column(0)
        if whole:
            values |= {v.encode() for v in _distinct_text(column) if v in matcher.whole}
        if _is_text(column.type):
            values |= matcher.found("\n".join(_distinct_text(column)).encode())
    return values


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)


def _distinct_text(column: pa.Array) -> list[str]:
    values = pc.unique(column).to_pylist()
    return [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values if v is not None]
