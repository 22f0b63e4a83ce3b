"""Reads use-case specs; a fault names file, line, key, value and what is allowed, and is of its own use case only."""

import logging
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from include.errors import SpecError
from include.specification import text
from include.specification.part import Fault, Part
from include.specification.usecase import USECASES, UseCase
from include.specification.wording import worded

ROOT = Path(__file__).resolve().parents[2]
FILE = "usecase.yaml"
MOST_FAULTS, LONGEST_LINE = 40, 690
"""What a person reads of a spec that is wrong throughout."""
NAME = r"[a-z][a-z0-9_]*"
log = logging.getLogger(__name__)


class Specifications(NamedTuple):
    """The use cases that can be used, by name, and why the others cannot: directory → message."""

    good: Mapping[str, UseCase]
    faulty: Mapping[str, str]


def specifications() -> Specifications:
    """Every use case as its files are now; a faulty one does not keep the others from being read."""
    good: dict[str, UseCase] = {}
    faulty: dict[str, str] = {}
    for directory in _directories():
        try:
            good[directory.name] = _as_it_is_now(directory / FILE)
        except SpecError as error:
            faulty[directory.name] = str(error)
    return Specifications(good, faulty)


def usecases() -> list[UseCase]:
    """The use cases that can be used, sorted by name; why another cannot is logged, once per process."""
    good, faulty = specifications()
    for fault in faulty.values():
        _log_once(fault)
    return list(good.values())


@lru_cache
def load_usecase(name: str) -> UseCase:
    """The spec of the use case ``name``, as this process read it first.

    Raises SpecError when there is none, or it is faulty.
    """
    if name not in usecase_names():
        raise SpecError(f"no use case {name!r}; there are: {', '.join(usecase_names())}")
    return _as_it_is_now(USECASES / name / FILE)


def usecase_names() -> list[str]:
    """Every directory of ``include/usecases`` that has a spec, which may be faulty, sorted."""
    named = [d.name for d in _directories() if (d / FILE).exists()]
    return [name for name in named if re.fullmatch(NAME, name)]


def parse_usecase(path: Path) -> UseCase:
    """Read one spec.

    Raises SpecError with one line per fault: file, line, key, value and what is allowed.
    """
    shown = _shown(path)
    document = text.read(path, shown)
    if document.repeated:
        lines = [
            f"{shown}:{r.line}: {r.key!r} is there twice; the first is in line {r.first}" for r in document.repeated
        ]
        raise SpecError("\n".join(lines))
    if not isinstance(document.content, dict):
        is_there = "is empty" if document.content is None else f"is a {type(document.content).__name__}"
        raise SpecError(f"{shown}:1: {is_there}; it must be a mapping with the keys {', '.join(_allowed(()))}")
    try:
        spec = UseCase.model_validate(document.content)
    except ValidationError as error:
        raise SpecError("\n".join(_lines(error, document, shown))) from None
    except Exception as error:  # a fault of a check of ours stops this use case only
        raise SpecError(f"{shown}:1: cannot be checked ({type(error).__name__}: {error})") from error
    if spec.name != path.parent.name:
        line = document.line(("name",))
        raise SpecError(f"{shown}:{line}: name: {spec.name!r} must be the name of its directory, {path.parent.name!r}")
    return spec


def place(spec: UseCase, key: str) -> str:
    """File, line and the dotted key, as a fault of the spec's begins."""
    path = USECASES / spec.name / FILE
    loc = tuple(_step(step) for step in key.split("."))
    return f"{_shown(path)}:{text.read(path, _shown(path)).line(loc)}: {key}"


def _lines(error: ValidationError, document: text.Document, shown: str) -> list[str]:
    """One line for each fault, in the order of the file."""
    faults = [fault for each in error.errors() for fault in _faults(each, document)]
    placed = sorted({(document.line(loc), ".".join(map(str, loc)), message) for loc, message in faults})
    lines = [_short(f"{shown}:{line}: {f'{key}: ' if key else ''}{message}") for line, key, message in placed]
    more = len(lines) - MOST_FAULTS
    return [*lines[:MOST_FAULTS], *([f"{shown}:{placed[MOST_FAULTS][0]}: and {more} more faults"] if more > 0 else [])]


def _short(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _faults(error: ErrorDetails, document: text.Document) -> Iterator[tuple[text.Loc, str]]:
    """Where each fault is, and its words."""
    loc = document.there(error["loc"])
    if error["type"] == "faults":
        for fault in map(Fault._make, error["ctx"]["faults"]):
            yield (*loc, *(_step(step) for step in fault.key.split(".") if step)), fault.text
    elif error["type"] == "missing":
        yield (*loc, error["loc"][-1]), worded(error, ())
    else:
        yield loc, worded(error, _allowed(error["loc"][:-1]))


def _step(step: str) -> int | str:
    return int(step) if step.isdecimal() else step


def _allowed(loc: tuple[Any, ...]) -> list[str]:
    """Keys that the part of the spec at ``loc`` knows."""
    part: type[Part] = UseCase
    for step in loc:
        if step in part.model_fields or step in _aliases(part):  # other steps lead into lists and mappings of parts
            inside = _inside(part.model_fields[_aliases(part).get(step, step)].annotation)
            part = next((a for a in inside if isinstance(a, type) and issubclass(a, Part)), part)
    return [f.alias or n for n, f in part.model_fields.items()]


def _aliases(part: type[Part]) -> dict[Any, str]:
    return {field.alias: name for name, field in part.model_fields.items() if field.alias}


def _inside(annotation: Any) -> list[Any]:
    arguments = getattr(annotation, "__args__", ())
    return [annotation, *(inner for a in arguments for inner in _inside(a))]


def _directories() -> list[Path]:
    """Directories that are meant to be use cases: what an interpreter leaves behind is none."""
    meant = [d for d in USECASES.iterdir() if d.is_dir() and not d.name.startswith((".", "_"))]
    return sorted(d for d in meant if any(file.name != "__pycache__" for file in d.iterdir()))


def _as_it_is_now(path: Path) -> UseCase:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise SpecError(f"{_shown(path)}:1: is missing; a directory of include/usecases needs its {FILE}") from None
    except OSError as error:
        raise SpecError(f"{_shown(path)}:1: cannot be read: {error.strerror}") from None
    outcome = _outcome(path, status.st_mtime_ns, status.st_size, status.st_ino)
    if isinstance(outcome, str):
        raise SpecError(outcome)
    return outcome


@lru_cache(maxsize=1024)
def _outcome(path: Path, *_version: int) -> UseCase | str:
    """The spec, or why it cannot be used; read again when the file changed."""
    try:
        return parse_usecase(path)
    except SpecError as error:
        return str(error)


@lru_cache(maxsize=1024)
def _log_once(fault: str) -> None:
    log.error("%s", fault)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
