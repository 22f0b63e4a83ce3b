"""Reads use-case specs; an error names file, key, value and what is allowed."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from include.errors import SpecError
from include.specification.part import Part
from include.specification.usecase import USECASES, UseCase


def _advice(error: Any, path: Path) -> str:
    key = ".".join(map(str, error["loc"])) or "(whole file)"
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key '{key}'; allowed here: {', '.join(_allowed(error['loc'][:-1]))}"
    return f"{path}: '{key}' = {error['input']!r}: {error['msg']}"


def _allowed(loc: tuple[Any, ...]) -> list[str]:
    """Keys that the part of the spec at ``loc`` knows."""
    part: type[Part] = UseCase
    for step in loc:
        if step in part.model_fields:  # an index into a list, or the name in a mapping, leads to the same part
            inside = _inside(part.model_fields[step].annotation)
            part = next((a for a in inside if isinstance(a, type) and issubclass(a, Part)), part)
    return [f.alias or n for n, f in part.model_fields.items()]


def _inside(annotation: Any) -> list[Any]:
    arguments = getattr(annotation, "__args__", ())
    return [annotation, *(inner for a in arguments for inner in _inside(a))]


def parse_usecase(path: Path) -> UseCase:
    """Read one spec.

    Raises SpecError when the file is missing, not YAML, or has an unknown key or an impossible value; the message
    names file, key and what is allowed.
    """
    try:
        content = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)  # in C: read whenever a DAG file is parsed
    except (OSError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: cannot be read as YAML: {error}") from error
    try:
        spec = UseCase.model_validate(content)
    except ValidationError as error:
        raise SpecError("\n".join(_advice(e, path) for e in error.errors())) from error
    if spec.name != path.parent.name:
        raise SpecError(f"{path}: 'name' = {spec.name!r} must be the name of its directory, {path.parent.name!r}")
    return spec


@lru_cache
def load_usecase(name: str) -> UseCase:
    """The spec of the use case ``name``; raises SpecError when there is none."""
    path = USECASES / name / "usecase.yaml"
    if not path.is_file():
        raise SpecError(f"no use case {name!r}; there are: {', '.join(usecase_names())}")
    return parse_usecase(path)


def usecase_names() -> list[str]:
    """Every directory of ``include/usecases`` that has a spec, sorted."""
    return sorted(p.parent.name for p in USECASES.glob("*/usecase.yaml"))
