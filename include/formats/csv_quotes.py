"""A CSV stream whose quotes are proved (RFC 4180): a reader that forgives them gives other rows than were written."""

import re
from collections.abc import Collection
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
QUOTE, LINE_END, RETURN = b'"\n\r'
QUOTED = rb'"[^"]*+(?:""[^"]*+)*"'


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
        self._delimiter = ord(delimiter)
        ends = b"[" + re.escape(delimiter.encode() + b"\r\n") + b"]"
        # no possessive repeat of the whole: before Python 3.11.5 it gives matched quotes back (gh-106052)
        values = rb'(?:[^"]*+(?:(?<=%s)%s(?=%s)|(?<!%s)"))*' % (ends, QUOTED, ends, ends)
        self._values = re.compile(values)
        """Up to the last quote that is in its place: around a value, or inside of a value that has none around it."""
        self._followed = re.compile(rb'%s(?!"|%s)(?s:.)' % (QUOTED, ends))
        self._before, self._line = b"\n", 1
        self.begin = b""
        """What was read first."""
        self.met = False
        """Whether one of the ``wanted`` texts was read in quotes."""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, about ``size``; raises QuoteError."""
        chunk = self._stream.read(size)
        while chunk.endswith(b"\r") and (more := self._stream.read(1)):
            chunk += more
        self.begin = self.begin or chunk
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
        content = np.frombuffer(text, np.uint8)
        quotes = 1 + np.flatnonzero(content[1:] == QUOTE)
        self.met = self.met or self._meets(text, quotes)
        if (place := self._open_at_a_glance(content, quotes)) is None:
            matched = self._values.match(text)
            place = text.find(b'"', matched.end() if matched else 0)
        self._line += int(np.count_nonzero(content[1 : len(text) if place < 0 else place] == LINE_END))
        self._before = text[-1:] if place < 0 else text[place - 1 :]
        if place >= 0:
            self._check_value(text[place:], last)

    def _meets(self, text: bytes, quotes: npt.NDArray[Any]) -> bool:
        distances = np.diff(quotes)  # far cheaper than a search through the text
        return any(np.any(distances == len(quoted) - 1) and quoted in text for quoted in self._wanted)

    def _open_at_a_glance(self, content: npt.NDArray[Any], quotes: npt.NDArray[Any]) -> int | None:
        """Where the value begins that may still go on, -1 without one; None where quotes do not simply alternate.

        They do where each odd one stands at the begin of its field or right after another, and each even one at the
        end of its field or right before another. Then no quote is inside of a value that has none around it.
        """
        if not len(quotes):
            return -1
        ends = (content == self._delimiter) | (content == LINE_END) | (content == RETURN)
        opening, closing = quotes[::2], quotes[1::2]
        doubled = opening[1:] == closing[: len(opening) - 1] + 1
        begun = ends.take(opening - 1)
        undecided = len(opening) > len(closing) or quotes[-1] == len(content) - 1
        closed = ends.take((closing[: len(opening) - 1] if undecided else closing) + 1)
        closed[: len(doubled)] |= doubled
        if not (begun[0] and np.all(begun[1:] | doubled) and np.all(closed)):
            return None
        begins = np.flatnonzero(~doubled)
        return int(opening[begins[-1] + 1 if len(begins) else 0]) if undecided else -1

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
