"""Where stored data name a subject: its tokens anywhere, a value in clear only as the whole value of its own column.

A token is 96 random bits, so wherever it stands it is the subject's. A value in clear, of data that were stored before
its column was pseudonymised, is also a word of other people's texts; there it says nothing.
"""

import json
import re
from collections.abc import Collection, Iterator
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.pseudonyms import is_token
from include.contracts.tables import PERIOD
from include.formats.line_files import blanked


class Mentions:
    """``stored`` are the subject's stored values, tokens or clear ones, of the column ``column``."""

    def __init__(self, stored: Collection[str], column: str) -> None:
        self._column = column
        self.tokens = frozenset(value for value in stored if is_token(value))
        self.clear = frozenset(stored) - self.tokens

    def without(self, rows: pa.Table) -> pa.Table:
        """The rows that do not name the subject."""
        named = pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])
        for marks in self._marks(rows):
            named = pc.or_(named, pc.fill_null(marks, False))
        return rows.filter(pc.invert(named))

    def blank(self, line: bytes) -> bytes:
        """A line of a log, a message or a key that names the subject becomes spaces."""
        return blanked(line) if self._in_bytes(line) else line

    def _marks(self, rows: pa.Table) -> Iterator[pa.ChunkedArray]:
        """Which rows name the subject, by each column that may."""
        either = "|".join(sorted(self.tokens))
        for column in (rows[name].cast(pa.string()) for name in texts(rows)):
            if self.tokens:
                yield pc.match_substring_regex(column, f"(^|[^0-9A-Za-z])({either})($|[^0-9A-Za-z])")
            if self.clear:
                documents = [text for text in column.unique().to_pylist() if text and self._in_document(text)]
                yield pc.is_in(column, value_set=pa.array(documents, pa.string()))
        if self.clear and self._column in rows.column_names:
            yield pc.is_in(rows[self._column].cast(pa.string()), value_set=pa.array(sorted(self.clear)))

    def _in_bytes(self, line: bytes) -> bool:
        if self._token and self._token.search(line):
            return True
        if b"\\" not in line and not any(value.encode() in line for value in self.clear):
            return False
        return bool(self.clear and self._key.search(line)) or self._in_document(line.decode(errors="replace"))

    def _in_document(self, text: str) -> bool:
        """Whether a field of its column holds a value; also in a text that is torn, or not all of it JSON."""
        if any(value in self.clear for value in values_of(text, self._column)):
            return True
        return bool(self.clear and self._field.search(text))

    @cached_property
    def _token(self) -> re.Pattern[bytes] | None:
        either = "|".join(sorted(self.tokens))
        return re.compile(f"(?<![0-9A-Za-z])({either})(?![0-9A-Za-z])".encode()) if self.tokens else None

    @cached_property
    def _field(self) -> re.Pattern[str]:
        """``"column": "value"`` as JSON writes it, also within a text of JSON, where quotes have backslashes."""
        written = {
            json.dumps(value, ensure_ascii=ascii_only)[1:-1] for value in self.clear for ascii_only in (True, False)
        }
        quote = r'\\*"'
        either = "|".join(map(re.escape, sorted(written)))
        return re.compile(rf"{quote}{re.escape(json.dumps(self._column)[1:-1])}{quote}\s*:\s*{quote}({either}){quote}")

    @cached_property
    def _key(self) -> re.Pattern[bytes]:
        """A key as Feast serializes it: its column's name behind its length, then the value behind type and length."""
        lengths = [len(value.encode()).to_bytes(4, "little") + value.encode() for value in sorted(self.clear)]
        column = re.escape(len(self._column.encode()).to_bytes(4, "little") + self._column.encode())
        return re.compile(column + rb".{4}(" + b"|".join(map(re.escape, lengths)) + rb")\Z", re.DOTALL)


def texts(rows: pa.Table) -> list[str]:
    """The columns that hold text, however it is kept; the period, a name of ours, is left out."""
    return [field.name for field in rows.schema if field.name != PERIOD and _is_text(field.type)]


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def values_of(document: object, column: str) -> Iterator[str]:
    """The values of every field ``column`` in a JSON document, however deep, also in JSON within its texts."""
    if isinstance(document, str) and document.lstrip()[:1] in ("{", "["):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError):  # a text like another
            return
    if isinstance(document, list):
        for item in document:
            yield from values_of(item, column)
    elif isinstance(document, dict):
        for name, value in document.items():
            if name == column and isinstance(value, str | int | float):
                yield str(value)
            elif name == column and isinstance(value, list):
                yield from (str(item) for item in value if isinstance(item, str | int | float))
            else:
                yield from values_of(value, column)
