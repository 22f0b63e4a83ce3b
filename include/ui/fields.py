"""Fields of an action's form, as its DAG or its required action has them, and what a person wrote in them."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from include.ui.language import marked

Kind = Literal["text", "long", "whole", "number", "yes", "choice"]
KINDS: dict[str, Kind] = {"boolean": "yes", "integer": "whole", "number": "number"}
CHECKED = "on"
"""What a browser sends for a box that is ticked."""
MISSING = marked("this must be filled in")
NOT_OFFERED = marked("choose one of the options")
NO_NUMBER = marked("write a number")
WRONG_FORM = marked("this is not in the form that the field asks for")
TOO_SHORT = marked("write why in {least} characters or more; it is recorded")
NOT_CONFIRMED = marked("type the name of the use case, {usecase}: this cannot be undone")


class Field(NamedTuple):
    """One field; ``least`` is the length of a text."""

    name: str
    title: str
    description: str
    kind: Kind
    value: Any = None
    options: tuple[str, ...] = ()
    pattern: str = ""
    needed: bool = False
    least: int = 0


def fields(
    params: Mapping[str, Mapping[str, Any]], without: Collection[str] = (), needed: Collection[str] = ()
) -> list[Field]:
    """Of Airflow's ``params`` all but those ``without``; ``needed``: also where the DAG, for other uses, needs none."""
    return [_field(name, param, name in needed) for name, param in params.items() if name not in without]


def _field(name: str, param: Mapping[str, Any], needed: bool) -> Field:
    schema = param.get("schema") or {}
    kinds = schema.get("type", "string")
    types = [kinds] if isinstance(kinds, str) else list(kinds)
    plain = next((one for one in types if one != "null"), "string")
    kind: Kind = "choice" if schema.get("enum") else "long" if name == "reason" else KINDS.get(plain, "text")
    required = kind != "yes" and ("null" not in types or needed)
    options = tuple(str(option) for option in schema.get("enum") or ())
    return Field(
        name, str(schema.get("title") or name), str(param.get("description") or ""), kind,
        param.get("value"), options, str(schema.get("pattern") or ""), required,
    )  # fmt: skip


def with_values(known: Iterable[Field], given: Mapping[str, str]) -> list[Field]:
    """The fields with what the address or a form that was sent says of them."""
    return [field._replace(value=given[field.name]) if field.name in given else field for field in known]


def filled(known: Iterable[Field], given: Mapping[str, str]) -> dict[str, Any]:
    """What the form says, as the DAG takes it: a field that is empty and may be is left out.

    A text that is no number stays as it is: ``faults`` names it.
    """
    values = {field.name: _value(field, given.get(field.name, "").strip()) for field in known}
    return {name: value for name, value in values.items() if value is not None}


def _value(field: Field, text: str) -> Any:
    if field.kind == "yes":
        return text == CHECKED
    if not text:
        return "" if field.needed else None
    if field.kind == "whole" and re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    if field.kind == "number" and re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text):
        return float(text)
    return text


def faults(known: Iterable[Field], values: Mapping[str, Any], usecase: str) -> dict[str, str]:
    """Name → one of the texts above, of each field that cannot be sent so."""
    found = {field.name: _fault(field, values.get(field.name), usecase) for field in known}
    return {name: text for name, text in found.items() if text}


def _fault(field: Field, value: Any, usecase: str) -> str:
    if field.name == "confirm" and field.needed and value != usecase:
        return NOT_CONFIRMED
    if field.least and len(str(value or "")) < field.least:
        return TOO_SHORT
    if value in (None, ""):
        return MISSING if field.needed else ""
    if field.kind in ("whole", "number"):
        return NO_NUMBER if isinstance(value, str) else ""
    if field.options:
        return "" if value in field.options else NOT_OFFERED
    fits = not field.pattern or re.search(field.pattern, str(value))
    return "" if fits else WRONG_FORM
