"""Lengths of time in the reader's language, by the tables of the Unicode CLDR that Babel has."""

import re
from collections.abc import Sequence
from typing import Literal

from babel.units import format_unit

from include.contracts.calendar import Span
from include.contracts.period import Period, range_text

FORMS: dict[str, Literal["short", "long"]] = {"en": "long", "ko": "short"}
"""Korean writes a unit in one way, which the tables have as the short one."""

UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


def span(language: str, length: Span) -> str:
    """``24 hours``, ``24시간``."""
    count, unit = length.split()
    return _written(language, int(count), unit.removesuffix("s"))


def counted(language: str, periods: Sequence[Period]) -> str:
    """Periods of one stretch, and how many: ``2013-01..2013-03 (3 months)``, ``2013-01..2013-03 (3개월)``."""
    return f"{range_text(periods)} ({_written(language, len(periods), periods[0].every)})"


def wait(language: str, length: str) -> str:
    """As rules of Prometheus have it: ``5m`` is ``5 minutes``, ``5분``."""
    count, unit = re.fullmatch(r"(\d+)([smhd])", length).groups()  # type: ignore[union-attr]
    return _written(language, int(count), UNITS[unit])


def _written(language: str, count: int, unit: str) -> str:
    return format_unit(count, f"duration-{unit}", FORMS[language], locale=language)
