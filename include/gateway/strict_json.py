"""Strict JSON for requests: no ambiguous texts, and no short text that expands to a large value."""

import json
import math
from typing import Any

from include.formats.exact_floats import holds

DIGITS = 40
"""Of a number: no 64-bit number needs more, and a longer one would cost time by the square of its length."""


class BadRequestError(ValueError):
    """What a client sent cannot be used; the words may go back to it, for they hold none of its values."""


def parse(body: bytes) -> dict[str, Any]:
    """The object that ``body`` holds.

    Raises
    ------
    BadRequestError
        no UTF-8, no JSON, no object; a key twice; NaN or Infinity; a number of more than 40 characters, or
        one that a float cannot hold; nested too deeply.
    """
    try:
        found = json.loads(
            body.decode(), object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_integer, parse_float=_float
        )
    except UnicodeDecodeError:
        raise BadRequestError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadRequestError(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise BadRequestError("the body is nested too deeply") from None
    if not isinstance(found, dict):
        raise BadRequestError("the body must be a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadRequestError("the body has the same key twice in one object")
    return members


def _no_constant(_: str) -> Any:
    raise BadRequestError("NaN and Infinity are not JSON; send null for a number that is missing")


def _integer(text: str) -> int:
    return int(_short(text))


def _float(text: str) -> float:
    """A number that is not the float of its digits would be another one than a stream or a table has.

    One beyond every float is infinite: the tensor that has it is named when it is refused.
    """
    number = float(_short(text))
    if not math.isinf(number) and not holds(number, text):
        raise BadRequestError("the body has a number that a 64-bit float cannot hold")
    return number


def _short(text: str) -> str:
    if len(text) > DIGITS:
        raise BadRequestError(f"the body has a number of more than {DIGITS} characters")
    return text
