"""A time as text: ISO 8601 in its extended form, with a zone, and nothing else that looks like a time."""

import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Strict
from pydantic_core import PydanticKnownError

FORM = "YYYY-MM-DDTHH:MM[:SS[.ffffff]] with Z or an offset like +01:00"
_TEXT = re.compile(r"\d{4}(-\d\d){2}T\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


def _iso(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticKnownError("datetime_type")
    if not _TEXT.fullmatch(value):
        raise PydanticKnownError("datetime_parsing", {"error": f"it is not ISO 8601: {FORM}"})
    return value


IsoTime = Annotated[AwareDatetime, Strict(False), BeforeValidator(_iso)]
"""pydantic alone also takes seconds since 1970 as text, a space or an underscore for the T, and small letters.

Digits beyond microseconds are left out; a time without a zone is refused (``timezone_aware``).
"""
