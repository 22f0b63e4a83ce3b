"""Directories that carry the SHA-256 of their files, in ``SHA256SUMS`` as ``sha256sum`` writes it."""

from collections.abc import Iterable
from pathlib import Path

from include.errors import DamagedFileError
from include.formats.atomic_file import write_atomically
from include.formats.file_proof import PROOFS, sha256

SUMS = "SHA256SUMS"
COMING = ".coming."


def write_sums(directory: Path, files: Iterable[Path]) -> None:
    """Note the hashes of these files of the directory."""
    _write(directory, {file.name: sha256(file) for file in files})


def replace(file: Path, aside: Path) -> None:
    """Put ``aside`` in the place of a file of its directory; killed anywhere, either of both is proved afterwards."""
    if known := sums(file.parent):
        known = {name: digest for name, digest in known.items() if name != COMING + file.name}
        digest = sha256(aside)
        _write(file.parent, known | {COMING + file.name: digest})
        aside.replace(file)
        _write(file.parent, known | {file.name: digest})
    else:
        aside.replace(file)


def prove(file: Path, what: str, way_out: str, *, again: bool = False) -> None:
    """Raises DamagedFileError when the file is not what its directory says; nothing where it has no hashes.

    ``again``: whatever this process proved before, and what the disk holds.
    """
    if not (known := sums(file.parent)):
        return
    if file.name not in known:
        raise DamagedFileError(f"{what}: {file.parent / SUMS} does not name {file.name}; {way_out}")
    if (coming := known.get(COMING + file.name)) and file.is_file() and sha256(file) == coming:
        return
    PROOFS.prove(file, known[file.name], what, way_out, again=again)


def sums(directory: Path) -> dict[str, str]:
    """Name → SHA-256; empty where there are none. Raises DamagedFileError for a line that is none."""
    place = directory / SUMS
    if not place.is_file():
        return {}
    lines = [line.split("  ", 1) for line in place.read_text(errors="replace").splitlines()]
    if not lines or any(len(line) != 2 or len(line[0]) != 64 for line in lines):
        raise DamagedFileError(f"{place} is damaged: it must have a line '<SHA-256>  <name>' for each file; see there")
    return {name: digest for digest, name in lines}


def _write(directory: Path, known: dict[str, str]) -> None:
    write_atomically(directory / SUMS, "".join(f"{known[name]}  {name}\n" for name in sorted(known)))
