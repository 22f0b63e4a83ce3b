"""What disks, power cuts and people do to a file."""

from collections.abc import Callable
from pathlib import Path


def _flipped(content: bytes, part: float) -> bytes:
    """One bit is another one, at this part of the content."""
    at = min(int(len(content) * part), len(content) - 1)
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "without its end": lambda content: content[:-20],
    "one bit near the start": lambda content: _flipped(content, 0.1),
    "one bit in the middle": lambda content: _flipped(content, 0.5),
    "one bit near the end": lambda content: _flipped(content, 0.9),
    "NULs": lambda content: bytes(len(content)),
    "NULs at the end": lambda content: content[: len(content) // 2] + bytes(len(content) // 2),
    "garbage": lambda content: b"\x93NUMPY\xff\xfe" + content[::-1],
    "other text": lambda content: b"what is this\n",
}
"""Content of a file → content of the damaged file."""
MISSING = "missing"
KINDS = [*DAMAGES, MISSING]


def damage(file: Path, kind: str) -> None:
    """Damage a file; ``MISSING`` deletes it."""
    if kind == MISSING:
        file.unlink()
    else:
        file.write_bytes(DAMAGES[kind](file.read_bytes()))
