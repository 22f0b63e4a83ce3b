"""Rows in JSON as files and APIs give them: numbers as they are written, absent fields as missing values."""

import codecs
import json
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Any

Row = dict[str, Any]


class JsonRefusedError(ValueError):
    """What cannot be taken as JSON; its words contain no value."""


def _members(pairs: list[tuple[str, Any]]) -> Row:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonRefusedError("an object has the same key twice")
    return members


def _constant(name: str) -> None:
    if name != "NaN":  # what writers that know no missing number put in its place
        raise JsonRefusedError("Infinity is not a JSON number; send null for a number that is missing")


DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=str.encode, parse_float=str.encode, parse_constant=_constant
)
"""A number is the bytes of its digits: ``7.0``, ``1.10`` and long identifiers stay what they are, apart from texts."""


def parse(content: bytes) -> Any:
    """The value that ``content`` holds, with the bytes of its digits for every number; NaN is None.

    Raises
    ------
    JsonRefusedError
        no JSON or not UTF-8, nested too deeply, Infinity, an object with a key twice.
    """
    try:
        return DECODER.decode(content.removeprefix(codecs.BOM_UTF8).decode())
    except json.JSONDecodeError as error:
        raise JsonRefusedError(f"{error.msg} at character {error.pos}") from None
    except UnicodeDecodeError:
        raise JsonRefusedError("it is not UTF-8") from None
    except RecursionError:
        raise JsonRefusedError("it is nested too deeply") from None


class JsonRows:
    """The rows of one read as columns. A field that a row lacks is missing; the whole read says which fields there are.

    ``columns`` are the fields that are wanted, ``required`` those that every row needs.
    """

    def __init__(self, columns: Sequence[str], required: Collection[str]) -> None:
        self._columns, self._required = columns, required
        self._fields: dict[str, None] = {}
        self._rows = 0

    def batch(self, rows: Sequence[Row]) -> dict[str, list[Any]]:
        """The wanted columns of some rows; without the required ones that not one of the rows has."""
        fields = dict.fromkeys(chain.from_iterable(rows))
        self._fields |= fields
        self._rows += len(rows)
        if any(name not in fields for name in self._required):
            return {name: [] for name in fields}
        return {name: [row.get(name) for row in rows] for name in self._columns}

    def end(self) -> Iterator[dict[str, list[Any]]]:
        """After the last rows: all fields of the read as columns without rows, by which the contract judges them."""
        if self._rows:
            yield {name: [] for name in self._fields}
