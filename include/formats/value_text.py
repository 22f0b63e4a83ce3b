"""A value of a source as text. The text follows from the value alone, never from the values beside it."""

import json
import math
import re
from datetime import date, time
from decimal import Decimal
from functools import singledispatch
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any
from uuid import UUID

NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][+-]?\d+)?")


@singledispatch
def text_of(value: Any) -> str | None:
    """Text as it is, numbers by their digits, times in ISO 8601, UUIDs by 36 characters, lists and objects as JSON.

    NaN, NaT and None are None. Raises ValueError for bytes that are not UTF-8 and for types that have no such text.
    """
    raise ValueError(f"a {type(value).__name__} has no text of its own")


@text_of.register(type(None))
def _(_: None) -> None:
    return None


@text_of.register(str)
@text_of.register(UUID)
@text_of.register(IPv4Address)
@text_of.register(IPv4Interface)
@text_of.register(IPv4Network)
@text_of.register(IPv6Address)
@text_of.register(IPv6Interface)
@text_of.register(IPv6Network)
def _(value: Any) -> str:
    return str(value)


@text_of.register
def _(value: bool) -> str:
    return "true" if value else "false"


@text_of.register
def _(value: int) -> str:
    return int.__repr__(value)


@text_of.register
def _(value: float) -> str | None:
    return None if math.isnan(value) else float.__repr__(value)


@text_of.register
def _(value: Decimal) -> str | None:
    return None if value.is_nan() else format(value, "f")


@text_of.register(date)  # a datetime is a date
@text_of.register(time)
def _(value: date | time) -> str | None:
    text = value.isoformat()
    return None if text == "NaT" else text


@text_of.register(bytes)
@text_of.register(bytearray)
@text_of.register(memoryview)
def _(value: bytes) -> str:
    return bytes(value).decode()


@text_of.register
def _(value: dict) -> str:
    return "{" + ", ".join(f"{_quoted(str(name))}: {_json(member)}" for name, member in value.items()) + "}"


@text_of.register(list)
@text_of.register(tuple)
def _(value: list[Any]) -> str:
    return "[" + ", ".join(map(_json, value)) + "]"


def _json(value: Any) -> str:
    """A member of a list or an object, with its numbers as they are written."""
    text = text_of(value)
    if text is None:
        return "null"
    digits = isinstance(value, bytes) and NUMBER.fullmatch(value)  # of a number in JSON
    bare = digits or isinstance(value, int | float | Decimal | dict | list | tuple)
    return text if bare else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
