"""What an expectation of a suite must look like, whichever engine judges it: nothing of it is guessed or cast."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from include.contracts.period import Every
from include.data import suite_parameters

DIMENSIONS = ("completeness", "consistency", "accuracy", "freshness", "volume", "schema")
KEYS = frozenset(
    {"id", "type", "kwargs", "meta", "notes", "severity", "description", "rendered_content", "expectation_context"}
)
SEVERITIES = ("critical", "warning", "info")
IGNORED_PAIRS = ("both_values_are_missing", "either_value_is_missing", "neither")
IGNORED_KEYS = ("all_values_are_missing", "any_value_is_missing", "never")


def faults(expectations: Sequence[Any]) -> Iterator[str]:
    """What is wrong with them, one text per fault, with its place in the suite (1 is the first)."""
    for place, one in enumerate(expectations, start=1):
        if not isinstance(one, dict):
            yield f"expectation {place} is no JSON object"
            continue
        for text in _own_faults(one):
            yield f"expectation {place} ({one.get('type')}, id {one.get('id')}): {text}"
    ids = Counter(json.dumps(one.get("id")) for one in expectations if isinstance(one, dict))
    yield from (f"id {key} stands {count} times; results are kept by id" for key, count in ids.items() if count > 1)


def is_parameter(value: Any) -> bool:
    return isinstance(value, dict) and "$PARAMETER" in value


def _own_faults(one: dict[str, Any]) -> Iterator[str]:
    for key, kind, name in (("id", str, "a text"), ("type", str, "a text"), ("kwargs", dict, "an object")):
        if not isinstance(one.get(key), kind) or (kind is str and not one[key]):
            yield f"{key} must be {name}"
    if unknown := sorted(set(one) - KEYS):
        yield f"unknown keys {unknown}; arguments belong into kwargs"
    if not isinstance(one.get("notes") or "", str):
        yield "notes must be a text"
    meta = one.get("meta") or {}
    dimension = meta.get("dimension") if isinstance(meta, dict) else None
    if dimension not in DIMENSIONS:
        yield f"meta.dimension = {dimension!r}; allowed are {', '.join(DIMENSIONS)}"
    if isinstance(meta, dict) and not isinstance(meta.get("treated", False), bool):
        yield "meta.treated must be true or false"
    if isinstance(meta, dict) and not _are_rhythms(meta.get("periods", list(get_args(Every)))):
        yield f"meta.periods = {json.dumps(meta['periods'])[:100]} must be a list of {', '.join(get_args(Every))}"
    if one.get("severity", SEVERITIES[0]) not in SEVERITIES:
        yield f"severity = {one['severity']!r}; allowed are {', '.join(SEVERITIES)}"
    if isinstance(one.get("kwargs"), dict):
        yield from _argument_faults(one.get("type"), one["kwargs"])


def _argument_faults(kind: Any, given: dict[str, Any]) -> Iterator[str]:
    """Of the arguments whose form is known; null is not given."""
    for name in [name for name, value in given.items() if value is not None and not is_parameter(value)]:
        wanted, fits = ARGUMENTS.get(name, ANYTHING)
        if name == "ignore_row_if":
            wanted, fits = _one_of(IGNORED_PAIRS if "column_A" in given else IGNORED_KEYS)
        if not fits(given[name]):
            yield f"{name} = {json.dumps(given[name])[:100]} must be {wanted}"
    for name, text in [(name, value["$PARAMETER"]) for name, value in given.items() if is_parameter(value)]:
        if wrong := suite_parameters.fault(text):
            yield f"{name} = parameter {json.dumps(text)[:100]}: {wrong}"
    low, high = given.get("min_value"), given.get("max_value")
    if kind == BETWEEN and low is None and high is None:
        yield "give min_value, max_value or both"
    if low is not None and high is not None and _is_number(low) and _is_number(high) and low > high:
        yield f"min_value = {low} is above max_value = {high}, which no value meets"
    for ending, name in WITHOUT_DEFAULT.items():
        if str(kind).endswith(ending) and given.get(name) is None:
            yield f"give {name}; without it every value meets the expectation"


def _are_rhythms(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(one in get_args(Every) for one in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _all(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _one_of(allowed: Sequence[str]) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {', '.join(allowed)}", lambda value: value in allowed


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, str | bool) or _is_number(value)


WITHOUT_DEFAULT = {"_match_regex": "regex", "_match_regex_list": "regex_list", "_type_list": "type_list"}
"""Great Expectations would take what is not given for anything."""
BETWEEN = "expect_column_values_to_be_between"
ANYTHING = ("", lambda _: True)
COLUMN = ("the name of a column", _is_text)
TRUTH = ("true or false", lambda value: isinstance(value, bool))
BOUND = ("a number, or a parameter that is a time", _is_number)
TEXTS = ("a list of texts", _all(_is_text))
ARGUMENTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("column", "column_A", "column_B"), COLUMN),
    **dict.fromkeys(("strict_min", "strict_max", "or_equal", "exact_match"), TRUTH),
    **dict.fromkeys(("min_value", "max_value"), BOUND),
    **dict.fromkeys(("type_list", "column_set", "regex_list"), TEXTS),
    "column_list": ("a list of different names", lambda value: TEXTS[1](value) and len({*value}) == len(value) > 0),
    "value_set": ("a list of numbers, texts and truth values", _all(_is_value)),
    "regex": ("a text", lambda value: isinstance(value, str)),
    "mostly": ("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1),
}
"""Argument → what it must be, and whether a value is that."""
