"""Raw keys as base64 text, as they stand in settings and key files."""

import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

from include.errors import SettingsError

T = TypeVar("T")


def text_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def read_key(text: str, kind: Callable[[bytes], T], fault: str) -> T:
    """The key of this kind, made of its raw bytes; raises SettingsError with ``fault`` when the text has none."""
    try:
        return kind(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise SettingsError(fault) from None
