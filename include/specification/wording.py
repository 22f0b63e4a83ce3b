"""How a fault of a spec is worded: the value, what is allowed, and the nearest of it."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

SECRET_NAME = re.compile(r"pass|secret|token|key$|credential|authori[sz]ation|url|dsn|headers|storage", re.IGNORECASE)
SECRET_VALUE = re.compile(r"://[^/\s]*@|\$\{|bearer ", re.IGNORECASE)
LONGEST = 60
RENAMED = {
    "test_periods": "test: {} months (or hours, days, weeks)", "validation_days": "validation: {} days",
    "cooldown_periods": "cooldown: {} months (or hours, days, weeks)",
    "budget_per_year": "budget: {{retrains: {}, per: 365 days}}", "label_delay_hours": "label_delay: {} hours",
    "lead_hours": "lead: {} hours", "predictions_periods": "predictions: {} months (or hours, days, weeks)",
    "snapshots_days": "snapshots: {} days", "late_days": "late: {} days",
}  # fmt: skip
"""Keys that specs once had → how the same is written now."""


def not_among(name: str, allowed: Iterable[str], what: str) -> str:
    """``name`` is not ``what``, the nearest name that is, and all of them."""
    known = list(allowed)
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    meant = f" did you mean {near[0]}?" if near else ""
    return f"{shown((), name)} is not {what};{meant} allowed: {', '.join(known) or 'none'}"


def shown(loc: Iterable[Any], value: Any) -> str:
    """The value as a message may have it: short, and never one that may be a secret."""
    if isinstance(value, dict | list | tuple | set):
        kind = "a mapping" if isinstance(value, dict) else "a list"
        return f"{kind} of {len(value)}"
    if any(SECRET_NAME.search(str(step)) for step in loc) or SECRET_VALUE.search(str(value)):
        return "(value not shown)"
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def worded(error: ErrorDetails, allowed: Iterable[str]) -> str:
    """One error of pydantic in a line; ``allowed`` are the keys that the part it is in knows."""
    loc, kind = error["loc"], error["type"]
    if kind == "extra_forbidden":
        part = ".".join(map(str, loc[:-1])) or "the spec"
        if written := RENAMED.get(str(loc[-1])):
            now = written.format(shown(loc, error["input"]))
            return f"{shown((), loc[-1])} is no key of {part} any more; write {now}"
        return not_among(str(loc[-1]), allowed, f"a key of {part}")
    if kind == "missing":
        return "is missing, and must be given"
    if kind == "literal_error":
        return not_among(str(error["input"]), re.findall(r"'([^']*)'", error["ctx"]["expected"]), "allowed")
    message = error["msg"].removeprefix("Value error, ")
    quoted = "; write it in quotes" if kind == "string_type" and isinstance(error["input"], bool | int | float) else ""
    return f"{shown(loc, error['input'])}: {message[0].lower()}{message[1:]}{quoted}"
