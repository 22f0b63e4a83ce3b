"""The links of an HTTP header ``Link`` (RFC 8288), whatever commas and semicolons their addresses and titles have."""

import re
from collections.abc import Iterator
from typing import NamedTuple

VALUE = r'"(?:[^"\\]|\\.)*"|[^\s",;]+'
PARAMETER = re.compile(rf"\s*;\s*(?:([^\s=;,\"<]+)\s*(?:=\s*({VALUE}))?)?")
LINK = re.compile(rf"<([^>]*)>((?:\s*;\s*(?:[^\s=;,\"<]+\s*(?:=\s*(?:{VALUE}))?)?)*)")


class Link(NamedTuple):
    """Where a link leads, and what that is to the answer that has it, in small letters."""

    target: str
    relations: frozenset[str]


def links(header: str) -> Iterator[Link]:
    """The links of a header, without those of other documents (``anchor``); of a parameter the first counts."""
    for target, text in LINK.findall(header):
        parameters: dict[str, str] = {}
        for name, value in PARAMETER.findall(text):
            parameters.setdefault(name.lower(), value.strip("\"'"))
        if "anchor" not in parameters:
            yield Link(target, frozenset(parameters.get("rel", "").lower().split()))
