"""Raw tables from HTTP APIs that answer JSON page by page (fulfils ports.SourceConnector).

Throttled (429) and failed (5xx, no answer, an answer that was cut) requests are repeated with growing pauses, or
after the time that ``Retry-After`` names. The spec never contains a secret: ``${NAME}`` is an environment variable.
"""

import logging
import math
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from include.contracts.calendar import Window
from include.errors import ServiceError, SourceError
from include.formats.content_encoding import CutError, UnknownEncodingError, decoded
from include.formats.json_rows import JsonRefusedError, JsonRows, parse
from include.formats.link_header import links
from include.formats.value_text import text_of
from include.specification.connectors import HttpOptions as Options
from include.specification.data import Source

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, and with them keys and values
TRY_AGAIN = {408, 425, 429, *range(500, 600)} - {501, 505, 506, 510, 511}
"""Statuses of what may pass; the others above 500 say that the server will never answer such a request."""


NAME = re.compile(r"[A-Za-z_][A-Za-z_-]{0,30}")
MOST_NAMES = 10
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"([!-~]([ \t!-~]*[!-~])?)?")
"""A name and a value that a client can send (RFC 9110)."""
NO_CONTENT = object()
"""The answer with status 204: it has no rows, and says so."""


class TryAgainError(Exception):
    """An answer that may be better next time; ``wait`` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class HttpSource:
    """Reads one list of JSON objects. ``resolve`` puts ``${NAME}`` of url, parameters and headers in clear."""

    def __init__(self, options: Options, resolve: Callable[[str], str]) -> None:
        self._options, self._resolve, self._due = options, resolve, 0.0

    def read(self, source: Source, window: Window | None) -> Iterator[dict[str, list[Any]]]:
        """One batch per page; a page that a server repeats for want of an end is an error.

        Raises
        ------
        SourceError
            the API refused the request, or its answer is not what the options say.
        ServiceError
            it did not answer, or still throttled, after all attempts.
        """
        fields = JsonRows(list(source.columns), source.never_empty)
        with httpx.Client(headers=self._headers(), timeout=self._options.timeout_seconds) as client:
            for rows in self._pages(client, window):
                yield fields.batch(rows)
        yield from fields.end()

    def _headers(self) -> httpx.Headers:
        own = {name: self._resolve(value) for name, value in self._options.headers.items()}
        if unfit := [
            name for name, value in own.items() if not (HEADER[0].fullmatch(name) and HEADER[1].fullmatch(value))
        ]:
            raise SourceError(
                f"{self._options.url}: the headers {unfit} cannot be sent: a value is printable ASCII without a line "
                "break, or a space at its ends; correct 'headers', or the variable that has it"
            )
        return httpx.Headers({"Accept-Encoding": "gzip, deflate"} | own)

    def _address(self, window: Window | None) -> httpx.URL:
        """Of the first page."""
        wanted = {name: self._resolve(value) for name, value in self._options.parameters.items()}
        paging, times = self._options.paging, self._options.window
        if times and window:
            start, end = window.utc()
            wanted |= {times.start: _moment(start, times.format), times.end: _moment(end, times.format, up=True)}
        if paging and paging.size_parameter:
            wanted[paging.size_parameter] = str(paging.size)
        if paging and paging.by in ("page", "offset"):
            wanted[str(paging.parameter)] = str(paging.start)
        try:
            address = httpx.URL(self._resolve(self._options.url)).copy_merge_params(wanted)
            fits = address.scheme in ("http", "https") and address.host
        except (httpx.InvalidURL, UnicodeError):
            fits = False
        if not fits:
            raise SourceError(
                f"{self._options.url}: with its parameters it is no address that begins with http:// or https:// and a "
                "host; correct 'url' or 'parameters', or the variable that has a part of it"
            )
        return address

    def _pages(self, client: httpx.Client, window: Window | None) -> Iterator[list[dict[str, Any]]]:
        address: httpx.URL | None = self._address(window)
        asked: set[httpx.URL] = set()
        before: list[dict[str, Any]] = []
        while address is not None:
            headers, answer = self._ask(client, address)
            rows = self._records(answer)
            asked.add(address)
            address = self._next(headers, answer, address, len(rows))
            if address in asked or (self._counts_pages and rows and _same(rows, before)):
                raise SourceError(f"{self._options.url}: the same page arrived twice; correct 'paging' in usecase.yaml")
            if rows:
                yield rows
            before = rows

    @property
    def _counts_pages(self) -> bool:
        """Whether an address says nothing about its page: a server that ignores the number repeats one for ever."""
        return self._options.paging is not None and self._options.paging.by in ("page", "offset")

    def _next(self, headers: httpx.Headers, answer: Any, address: httpx.URL, rows: int) -> httpx.URL | None:
        """Address of the next page; None after the last."""
        if (paging := self._options.paging) is None:
            if self._next_link(headers):
                raise SourceError(f"{self._options.url}: the answer links to a next page; set 'paging' to {{by: link}}")
            return None
        if paging.by == "link":
            return self._linked(_at(answer, paging.next) if paging.next else self._next_link(headers), address)
        if paging.by == "cursor":
            cursor = _at(answer, str(paging.next))
            return None if cursor in (None, "", False) else self._with_cursor(cursor, address)
        step, parameter = 1 if paging.by == "page" else rows, str(paging.parameter)
        return address.copy_set_param(parameter, str(int(address.params[parameter]) + step)) if rows else None

    def _next_link(self, headers: httpx.Headers) -> str | None:
        """The link whose relation is ``next``."""
        targets = {link.target for link in links(headers.get("Link", "")) if "next" in link.relations}
        if len(targets) > 1:
            raise SourceError(
                f"{self._options.url}: it links to {len(targets)} next pages; correct 'paging', or the API"
            )
        return targets.pop() if targets else None

    def _with_cursor(self, cursor: Any, address: httpx.URL) -> httpx.URL:
        try:
            if isinstance(cursor, str | bytes):  # a number is the bytes of its digits
                return address.copy_set_param(
                    str(self._options.paging and self._options.paging.parameter), text_of(cursor)
                )
        except UnicodeEncodeError:
            pass
        raise SourceError(
            f"{self._options.url}: the cursor of the next page is no text or number; correct 'paging.next'"
        )

    def _linked(self, link: Any, address: httpx.URL) -> httpx.URL | None:
        if link in (None, "", False):
            return None
        try:
            following = address.join(httpx.URL(link)).copy_with(fragment=None)  # a server never sees the fragment
        except (httpx.InvalidURL, UnicodeError, TypeError):
            raise SourceError(
                f"{self._options.url}: the link to the next page is no address; correct 'paging', or the API"
            ) from None
        if (following.scheme, following.netloc) != (address.scheme, address.netloc):
            raise SourceError(f"{self._options.url}: the next page is on another host, which must not get the headers")
        return following if following.userinfo else following.copy_with(userinfo=address.userinfo)

    def _ask(self, client: httpx.Client, address: httpx.URL) -> tuple[httpx.Headers, Any]:
        """Headers and JSON of the answer."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TryAgainError),
            stop=tenacity.stop_after_attempt(self._options.attempts),
            wait=self._pause,
            reraise=True,
        )
        try:
            return retrying(self._once, client, address)
        except TryAgainError as error:
            raise ServiceError(f"{self._options.url}: {error} at each of {self._options.attempts} attempts") from None

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "wait", None)
        if asked is None:
            return tenacity.wait_random_exponential(multiplier=0.5, max=self._options.max_wait_seconds)(state)
        if asked > self._options.max_wait_seconds:
            pause = f"a pause of {asked:.0f} s, more than max_wait_seconds"
            raise ServiceError(f"{self._options.url} wants {pause}; run the task later")
        return asked

    def _once(self, client: httpx.Client, address: httpx.URL) -> tuple[httpx.Headers, Any]:
        self._keep_rate()
        try:
            with client.stream("GET", address) as response:
                content = b"".join(response.iter_raw())
        except httpx.TransportError as error:
            raise TryAgainError(f"no answer ({type(error).__name__})") from None
        if response.status_code in TRY_AGAIN:
            raise TryAgainError(f"status {response.status_code}", _retry_after(response))
        if not response.is_success:
            status = f"status {response.status_code} {response.reason_phrase}"
            advice = "correct 'options' in usecase.yaml, or the rights of its key"
            raise SourceError(f"{self._options.url} answered with {status}; {advice}")
        if response.status_code == httpx.codes.PARTIAL_CONTENT and self._options.paging is None:
            raise SourceError(f"{self._options.url} answered with a part of its rows (status 206); set 'paging'")
        if response.status_code == httpx.codes.NO_CONTENT:
            return response.headers, NO_CONTENT
        return response.headers, self._json(response, self._decoded(response, content))

    def _decoded(self, response: httpx.Response, content: bytes) -> bytes:
        try:
            return decoded(content, response.headers.get("content-encoding", ""))
        except CutError as error:
            raise TryAgainError(f"an answer whose encoding is broken or cut ({error})") from None
        except UnknownEncodingError as error:
            raise SourceError(f"{self._options.url}: {error}; have the server send gzip, deflate or none") from None

    def _keep_rate(self) -> None:
        if self._options.requests_per_second:
            time.sleep(max(0.0, self._due - time.monotonic()))
            self._due = time.monotonic() + 1 / self._options.requests_per_second

    def _json(self, response: httpx.Response, content: bytes) -> Any:
        try:
            return parse(content)
        except JsonRefusedError as error:
            kind = response.headers.get("content-type", "unknown")
            endless = not {"content-length", "transfer-encoding"} & {*response.headers}
            if endless and "json" in kind:  # it ends where the server hung up
                raise TryAgainError(f"JSON of unknown length that may be cut ({error})") from None
            raise SourceError(
                f"{self._options.url}: the answer, of type {kind}, cannot be taken as JSON ({error}); "
                "correct 'url', or the API"
            ) from None

    def _records(self, answer: Any) -> list[dict[str, Any]]:
        rows = [] if answer is NO_CONTENT else _at(answer, self._options.records)
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return rows
        has = _names(answer) if isinstance(answer, dict) else type(answer).__name__
        raise SourceError(
            f"{self._options.url}: the answer has no list of objects at {self._options.records or 'its top'!r}; "
            f"it has {has}: correct 'records' in usecase.yaml"
        )


def _at(answer: Any, path: str) -> Any:
    """What is at a dotted path of the answer, or None."""
    for name in filter(None, path.split(".")):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def _names(answer: dict[str, Any]) -> str:
    """The names of an answer's fields; what is no name, or one of many, may be a value."""
    names = sorted(filter(NAME.fullmatch, answer))[:MOST_NAMES]
    others = len(answer) - len(names)
    return f"{names}" + (f" and {others} others" if others else "")


def _moment(moment: datetime, form: str, up: bool = False) -> str:
    if form == "epoch":
        return str(math.ceil(moment.timestamp()) if up else math.floor(moment.timestamp()))
    if form == "date":  # a whole day is never less than what was asked for
        return (moment + timedelta(days=1 if up else 0, microseconds=-1 if up else 0)).strftime("%Y-%m-%d")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _same(rows: list[dict[str, Any]], before: list[dict[str, Any]]) -> bool:
    """Whether two pages have the same rows, in whatever order."""
    return len(rows) == len(before) and (rows == before or sorted(map(repr, rows)) == sorted(map(repr, before)))


def _retry_after(response: httpx.Response) -> float | None:
    """The pause in seconds; None where the header is neither a number nor a date."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]+", text):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
