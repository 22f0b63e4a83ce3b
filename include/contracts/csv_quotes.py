"""A CSV stream whose quotes are proved (RFC 4180): a reader that forgives them gives other rows than were written."""

import re
from collections.abc import Collection
from typing import BinaryIO

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
QUOTED = rb'"[^"]*+(?:""[^"]*+)*+"'


class QuoteError(ValueError):
    """A quote that is not closed or not followed by the end of its field; its words contain no value."""


class QuotedStream:
    """The bytes of ``stream``, checked while they are read.

    ``limit`` is how many bytes a quoted value may have; ``wanted`` are texts of which ``met`` says that one was read in
    quotes. What is read never ends between the two bytes of a line end:
    Arrow's reader takes the second for the rest of a row's end and drops it, inside quotes too.
    """

    closed = False

    def __init__(self, stream: BinaryIO, delimiter: str, limit: int, wanted: Collection[str] = ()) -> None:
        self._stream, self._limit = stream, limit
        self._wanted = [f'"{text}"'.encode() for text in wanted]
        ends = b"[" + re.escape(delimiter.encode() + b"\r\n") + b"]"
        values = rb'(?:[^"]*+(?:(?<=%s)%s(?=%s)|(?<!%s)"))*+' % (ends, QUOTED, ends, ends)
        self._values = re.compile(values)
        """Up to the last quote that is in its place: around a value, or inside of a value that has none around it."""
        self._followed = re.compile(rb'%s(?!"|%s)(?s:.)' % (QUOTED, ends))
        self._before, self._line = b"\n", 1
        self.met = False
        """Whether one of the ``wanted`` texts was read in quotes."""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, about ``size``; raises QuoteError."""
        chunk = self._stream.read(size)
        while chunk.endswith(b"\r") and (more := self._stream.read(1)):
            chunk += more
        if b'"' in chunk or len(self._before) > 1:
            self._check(self._before + chunk, not chunk)
        elif chunk:
            self._line += chunk.count(b"\n")
            self._before = b"\n" if chunk == BYTE_ORDER_MARK else chunk[-1:]
        return chunk

    def close(self) -> None:
        """The stream belongs to whoever opened it."""

    def _check(self, text: bytes, last: bool) -> None:
        """``text`` is the byte before, or the value that is still open, and what was read after it."""
        if text.startswith(b"\n" + BYTE_ORDER_MARK) and self._line == 1:
            text = text.replace(BYTE_ORDER_MARK, b"", 1)
        self.met = self.met or any(quoted in text for quoted in self._wanted)
        matched = self._values.match(text)
        end = matched.end() if matched else 0
        place = text.find(b'"', end)
        self._line += text.count(b"\n", 1, len(text) if place < 0 else place)
        self._before = text[-1:] if place < 0 else text[place - 1 :]
        if place >= 0:
            self._check_value(text[place:], last)

    def _check_value(self, value: bytes, last: bool) -> None:
        """The value of the last quote, if something may still come."""
        if self._followed.match(value):
            raise QuoteError(
                f"line {self._line}: text follows the closing quote of a value that begins there; close each value, "
                'and write a quote inside of a value twice ("")'
            )
        closed = re.fullmatch(QUOTED, value)
        if not closed and (last or len(value) > self._limit):
            within = "" if last else f" within {self._limit} bytes"
            raise QuoteError(f"line {self._line}: the quote that opens there is not closed{within}")
