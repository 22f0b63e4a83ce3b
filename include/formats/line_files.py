"""Files of lines that a process appends to: lines change where they stand, and no position moves."""

from collections.abc import Callable
from math import inf
from pathlib import Path


def edit_lines(file: Path, edit: Callable[[bytes], bytes], end: float = inf) -> int:
    """Overwrite lines where they stand, each with as many bytes; returns how many changed.

    Those that begin before the position ``end``.

    A writer that appends meanwhile, and a reader that remembers a position, are not disturbed.
    """
    changed = 0
    with file.open("r+b") as lines:
        at = 0
        while at < end and (line := lines.readline()):
            after = edit(line)
            if after != line:
                if len(after) != len(line):
                    raise ValueError(f"{file}: a line of {len(line)} bytes cannot become one of {len(after)}")
                lines.seek(at)
                lines.write(after)
                changed += 1
            at += len(line)
            lines.seek(at)
    return changed


def blanked(line: bytes) -> bytes:
    """Spaces in its place, up to the end of the line."""
    content = line.rstrip(b"\n")
    return b" " * len(content) + line[len(content) :]


def is_blank(line: bytes) -> bool:
    """Whether the line says nothing: it was blanked, or a machine that lost power left zeros."""
    return not line.strip(b"\0 \r\t\n")
