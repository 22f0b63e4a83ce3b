"""The log of a Delta table, proved before it is read: Delta takes an empty entry for a commit that changed nothing.

``_log_copies/`` of the table has a sealed copy of each entry and the SHA-256 of each checkpoint. Entries never change,
so a damaged or lost one is put back from its copy. A damaged checkpoint is put aside: the entries say the same.
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from include.errors import DamagedStateError
from include.formats import sealed_text
from include.formats.atomic_file import write_atomically
from include.formats.directory_stamp import directory_stamp
from include.formats.file_proof import sha256

log = logging.getLogger(__name__)
LOG, COPIES, LAST = "_delta_log", "_log_copies", "_last_checkpoint"
ENTRY = re.compile(r"^(\d{20})\.json$")
COPY = re.compile(r"^(\d{20})\.json\.good$")
CHECKPOINT = re.compile(r"^(\d{20})\.checkpoint(\.\d+\.\d+)?\.parquet$")
MARK = b"PAR1"
Signature = tuple[int, int, int]
_proved: dict[Path, Signature] = {}
"""Files that this process has proved, as they were then."""


def prove(table: Path, version: int | None = None, *, history: bool = False) -> None:
    """Prove the entries that a reader of this version (None: the newest) needs; a damaged or lost one is put back.

    ``history``: all of them, also those that a checkpoint stands for. Raises DamagedStateError, which names the entry,
    when its copy is not good either.
    """
    names = list(_names(table / LOG))
    newest = _checkpoint(table, names, version)
    base = -1 if history else newest
    there, copies = _versions(names, ENTRY, base), _versions(_names(table / COPIES), COPY, base)
    _prove_last(table, names)
    for number in sorted(v for v in there | copies if version is None or v <= version):
        _prove_entry(table, number)


def keep(table: Path) -> None:
    """Copy entries that have no copy yet: after a commit. A full disk leaves them for the next time."""
    newest = max(_versions(_names(table / LOG), ENTRY, -1), default=-1)
    for number in range(newest, -1, -1):
        if _copy(table, number).exists():
            return
        text = _text(_entry(table, number))
        if text is not None and not _fault(text):
            _write_copy(table, number, text)


def newest(table: Path) -> tuple[int, str] | None:
    """The newest version and the text of its entry; None without one, or while the entry is damaged.

    The log of years has many thousand entries: those after its last checkpoint are tried one after another.
    """
    number = _last(table)
    if number is None or not _entry(table, number).exists():
        number = max(_versions(_names(table / LOG), ENTRY, -1), default=-1)
    while _entry(table, number + 1).exists():
        number += 1
    text = _text(_entry(table, number))
    return None if text is None or _fault(text) else (number, text)


def _last(table: Path) -> int | None:
    """The version that the hint at the last checkpoint names."""
    try:
        return int(json.loads((table / LOG / LAST).read_text())["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def version_of(table: Path, mark: str, after: int) -> int:
    """The version of the commit later than ``after`` whose entry has this mark, which no other has."""
    number = after + 1
    while mark not in _entry(table, number).read_text():
        number += 1
    return number


def before_removals(table: Path, parts: Iterable[str], after: int) -> Iterator[int]:
    """The versions from ``after`` on whose next one took a file of one of these parts away, newest first."""
    paths = [f"part={part}/" for part in parts]
    for number in sorted(_versions(_names(table / LOG), ENTRY, after), reverse=True):
        removed = (line for line in (_text(_entry(table, number)) or "").splitlines() if line.startswith('{"remove"'))
        if any(path in line for line in removed for path in paths):
            yield number - 1


def stamp(table: Path) -> str:
    """When the log was changed; "" if that is so short ago that the next change may have the same time."""
    return directory_stamp(table / LOG)


def exists(table: Path) -> bool:
    """Whether there is a table here, or was one: also when its log is gone."""
    return any(
        pattern.match(name)
        for room, pattern in ((LOG, ENTRY), (LOG, CHECKPOINT), (COPIES, COPY))
        for name in _names(table / room)
    )


def changed_at(table: Path) -> datetime | None:
    """When the newest entry or checkpoint was written, whatever the length of the log; None without a table."""
    try:
        return datetime.fromtimestamp((table / LOG).stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def restored(lake: Path) -> list[Path]:
    """Damaged entries and checkpoints that were replaced, as they are kept."""
    return sorted(lake.glob(f"*/*/{COPIES}/*.damaged"))


def _prove_entry(table: Path, number: int) -> None:
    entry = _entry(table, number)
    signature = _signature(entry)
    if signature and _proved.get(entry) == signature:
        return
    text, copied = _text(entry), _copied(table, number)
    if copied is None:
        if fault := _fault(text or ""):
            raise DamagedStateError(
                f"{entry} {fault}, and it has no good copy in {COPIES}: restore the file from your backup; versions "
                f"before {number} can be read"
            )
        _write_copy(table, number, text or "")
    elif text != copied:
        _put_back(table, entry, copied)
    if signature := _signature(entry):
        _proved[entry] = signature


def _put_back(table: Path, entry: Path, copied: str) -> None:
    if entry.exists():
        entry.replace(table / COPIES / f"{entry.name}.damaged")
    write_atomically(entry, copied, durable=True)
    log.error("%s was damaged or gone, and is put back from its copy: look after the disk", entry)


def _checkpoint(table: Path, names: Iterable[str], version: int | None) -> int:
    """The version of the newest good checkpoint that the reader may use; -1 without one."""
    found = ((CHECKPOINT.match(name), name) for name in names if ".checkpoint" in name)
    files = [(int(match[1]), name) for match, name in found if match]
    for number in sorted({number for number, _ in files if version is None or number <= version}, reverse=True):
        good = [_is_good(table, table / LOG / name) for of, name in files if of == number]  # puts each bad one aside
        if all(good):
            return number
    return -1


def _is_good(table: Path, checkpoint: Path) -> bool:
    signature = _signature(checkpoint)
    if signature and _proved.get(checkpoint) == signature:
        return True
    note, digest = table / COPIES / f"{checkpoint.name}.sha256", sha256(checkpoint)
    noted = note.read_text(errors="replace").strip() if note.is_file() else ""
    if not re.fullmatch("[0-9a-f]{64}", noted):
        noted = digest if _is_parquet(checkpoint) else ""
        if noted:
            _unless_full(note, noted)
    if noted != digest:
        (table / COPIES).mkdir(exist_ok=True)
        checkpoint.replace(table / COPIES / f"{checkpoint.name}.damaged")
        (table / LOG / LAST).unlink(missing_ok=True)
        log.error("%s is damaged, and is put aside: the entries before it are read instead", checkpoint)
        return False
    if signature:
        _proved[checkpoint] = signature
    return True


def _is_parquet(file: Path) -> bool:
    content = file.read_bytes()
    return len(content) > 2 * len(MARK) and content.startswith(MARK) and content.endswith(MARK)


def _prove_last(table: Path, names: Iterable[str]) -> None:
    """The hint where the newest checkpoint is: without it Delta looks itself."""
    hint = table / LOG / LAST
    if not hint.is_file():
        return
    try:
        number = int(json.loads(hint.read_bytes())["version"])
        good = any(name.startswith(f"{number:020d}.checkpoint") for name in names)
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        hint.unlink(missing_ok=True)
        log.error("%s is damaged, and is deleted: Delta looks for checkpoints without it", hint)


def _fault(text: str) -> str:
    """Why this is no entry of a commit; '' when it is one."""
    lines = text.splitlines()
    if not lines:
        return "is empty"
    try:
        actions = [json.loads(line) for line in lines]
    except ValueError:
        return "is damaged: a line is no JSON"
    whole = all(isinstance(action, dict) for action in actions) and any("commitInfo" in a for a in actions)
    return "" if whole else "is damaged: it is no commit"


def _copied(table: Path, number: int) -> str | None:
    copy = _text(_copy(table, number))
    try:
        return None if copy is None else sealed_text.unseal(copy)
    except sealed_text.DamagedError:
        return None


def _write_copy(table: Path, number: int, text: str) -> None:
    _unless_full(_copy(table, number), sealed_text.seal(text))


def _unless_full(file: Path, text: str) -> None:
    try:
        write_atomically(file, text)
    except OSError as error:  # the commit counts; the copy is made at the next opportunity
        log.warning("%s cannot be written: %s", file, error)


def _entry(table: Path, number: int) -> Path:
    return table / LOG / f"{number:020d}.json"


def _copy(table: Path, number: int) -> Path:
    return table / COPIES / f"{number:020d}.json.good"


def _text(file: Path) -> str | None:
    """None when it is gone, or no text."""
    try:
        return file.read_bytes().decode()
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _versions(names: Iterable[str], pattern: re.Pattern[str], base: int) -> set[int]:
    """Those after ``base``; a log may have thousands before it."""
    first = f"{base + 1:020d}"
    return {int(match[1]) for name in names if name >= first and (match := pattern.match(name))}


def _names(directory: Path) -> Iterator[str]:
    try:
        with os.scandir(directory) as found:
            yield from (one.name for one in found)
    except FileNotFoundError:
        return


def _signature(file: Path) -> Signature | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
