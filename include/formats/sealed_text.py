"""Small state that proves itself: text with a checksum and the version of its form, and a last good copy beside it.

In a JSON object the checksum is the last field, elsewhere a last line, so people and other programs read the file as
before. ``.<name>.good`` is the copy; it is written first, so it is never older than the file. Standard library only:
the model server reads the rollout state with the same code.
"""

import hashlib
import json
import re
from collections import namedtuple
from pathlib import Path

VERSION = 1
FIELD = "checksum"
FAR = 120
"""How far from the end of a text, in characters, the remains of its checksum may lie."""
_DIGEST = r"(\d+):([0-9a-f]{64})"
_IN_OBJECT = re.compile(rf'(,?)(\s*)"{FIELD}": "{_DIGEST}"(\s*)\}}(\s*)\Z')
_LAST_LINE = re.compile(rf"\n# {FIELD} {_DIGEST}\n\Z")
_REMAINS = re.compile(rf"{FIELD}|{_DIGEST}")

Kept = namedtuple("Kept", "text sealed fault")
"""What a file says; ``fault`` is '' or why its good copy had to stand in for it."""


class DamagedError(ValueError):
    """A file does not hold what was written, and has no good copy; says what is wrong with it."""


def seal(text: str) -> str:
    """The text with its checksum."""
    mark = f"{VERSION}:{hashlib.sha256(text.encode()).hexdigest()}"
    if not _is_object(text):
        return f"{text}\n# {FIELD} {mark}\n"
    body, tail = text.rstrip(), text[len(text.rstrip()) :]
    head = body[:-1].rstrip()
    space = body[len(head) : -1]
    comma, indent = ("" if head.endswith("{") else ","), (f"{space} " if space else "")
    return f'{head}{comma}{indent}"{FIELD}": "{mark}"{space}}}{tail}'


def unseal(text: str) -> str | None:
    """The text that was sealed; None when it never was. Raises DamagedError when it was changed since."""
    if line := _LAST_LINE.search(text):
        body, version, digest = text[: line.start()], line[1], line[2]
    elif field := _IN_OBJECT.search(text):
        body, version, digest = f"{text[: field.start()]}{field[5]}}}{field[6]}", field[3], field[4]
    elif _REMAINS.search(text[-FAR:]):
        raise DamagedError("its checksum is damaged")
    else:
        return None
    if int(version) > VERSION:
        raise DamagedError(f"a newer release of Moebius wrote it (form {version}); continue with that release")
    if hashlib.sha256(body.encode()).hexdigest() != digest:
        raise DamagedError("it does not match its checksum")
    return body


def copy_of(path: Path) -> Path:
    """Where the last good copy of a file is kept."""
    return path.with_name(f".{path.name}.good")


def read(path: Path) -> Kept:
    """What the file says, from its good copy where it is damaged or gone itself.

    A file without a checksum is one of an earlier release, or was written by hand: it counts where it is whole JSON, or
    has no copy yet. Raises FileNotFoundError without file and copy, DamagedError when neither is good.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        if not copy_of(path).exists():
            raise
        fault = "it is gone"
    except DamagedError as error:
        fault = str(error)
    try:
        return Kept(copied(path), True, fault)
    except (FileNotFoundError, DamagedError) as error:
        raise DamagedError(f"{path} is damaged: {fault}; {_words_of_copy(path, error)}") from None


def copied(path: Path) -> str:
    """What the good copy of the file says; raises FileNotFoundError and DamagedError."""
    if (text := unseal(_text(copy_of(path)))) is None:
        raise DamagedError("it has no checksum")
    return text


def _read(path: Path) -> Kept:
    text = _text(path)
    if (body := unseal(text)) is not None:
        return Kept(body, True, "")
    if not text.strip():
        raise DamagedError("it is empty")
    if "\0" in text:
        raise DamagedError("it holds zero bytes")
    for value in {".json": [text], ".jsonl": text.splitlines()}.get(path.suffix, []):
        _require_json(value)
    if not _is_object(text) and copy_of(path).exists():
        raise DamagedError("its checksum is gone")
    return Kept(text, False, "")


def _require_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise DamagedError(f"it is no whole JSON ({type(error).__name__})") from None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise DamagedError("it is no text") from None


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _words_of_copy(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no copy of it"
    return f"so is its copy {copy_of(path).name}: {error}"
