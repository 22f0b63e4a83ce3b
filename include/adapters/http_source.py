"""Raw tables from HTTP APIs that answer JSON page by page (fulfils ports.SourceConnector).

Throttled (429) and failed (5xx, no answer) requests are repeated with growing pauses, or after the time
that ``Retry-After`` names. The spec never contains a secret: ``${NAME}`` is an environment variable.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from include.contracts.period import Window
from include.errors import ServiceError, SourceError
from include.specification.connectors import HttpOptions as Options
from include.specification.data import Source

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, and with them keys and values
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}


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
        headers = {name: self._resolve(value) for name, value in self._options.headers.items()}
        with httpx.Client(headers=headers, timeout=self._options.timeout_seconds) as client:
            for rows in self._pages(client, window):
                names = dict.fromkeys(name for row in rows for name in row)
                yield {name: [row.get(name) for row in rows] for name in names}

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
        return httpx.URL(self._resolve(self._options.url)).copy_merge_params(wanted)

    def _pages(self, client: httpx.Client, window: Window | None) -> Iterator[list[dict[str, Any]]]:
        address: httpx.URL | None = self._address(window)
        asked: set[httpx.URL] = set()
        before: list[dict[str, Any]] = []
        while address is not None:
            response = self._ask(client, address)
            answer = self._json(response)
            rows = self._records(answer)
            asked.add(address)
            address = self._next(response, answer, address, len(rows))
            if address in asked or (rows and rows == before):
                raise SourceError(f"{self._options.url}: the same page arrived twice; correct 'paging' in usecase.yaml")
            if rows:
                yield rows
            before = rows

    def _next(self, response: httpx.Response, answer: Any, address: httpx.URL, rows: int) -> httpx.URL | None:
        """Address of the next page; None after the last."""
        if (paging := self._options.paging) is None:
            return None
        if paging.by == "link":
            return self._linked(answer if paging.next else response.links, paging.next or "next.url", address)
        if paging.by == "cursor":
            cursor = _at(answer, str(paging.next))
            return None if cursor in (None, "") else address.copy_set_param(str(paging.parameter), str(cursor))
        step, parameter = 1 if paging.by == "page" else rows, str(paging.parameter)
        return address.copy_set_param(parameter, str(int(address.params[parameter]) + step)) if rows else None

    def _linked(self, answer: Any, where: str, address: httpx.URL) -> httpx.URL | None:
        if not (link := _at(answer, where)):
            return None
        following = address.join(str(link))
        if (following.scheme, following.netloc) != (address.scheme, address.netloc):
            raise SourceError(f"{self._options.url}: the next page is on another host, which must not get the headers")
        return following

    def _ask(self, client: httpx.Client, address: httpx.URL) -> httpx.Response:
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

    def _once(self, client: httpx.Client, address: httpx.URL) -> httpx.Response:
        self._keep_rate()
        try:
            response = client.get(address)
        except httpx.TransportError as error:
            raise TryAgainError(f"no answer ({type(error).__name__})") from None
        if response.status_code in TRY_AGAIN:
            raise TryAgainError(f"status {response.status_code}", _retry_after(response))
        if not response.is_success:
            status = f"status {response.status_code} {response.reason_phrase}"
            advice = "correct 'options' in usecase.yaml, or the rights of its key"
            raise SourceError(f"{self._options.url} answered with {status}; {advice}")
        return response

    def _keep_rate(self) -> None:
        if self._options.requests_per_second:
            time.sleep(max(0.0, self._due - time.monotonic()))
            self._due = time.monotonic() + 1 / self._options.requests_per_second

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            kind = response.headers.get("content-type", "unknown")
            raise SourceError(f"{self._options.url}: the answer is no JSON but {kind}; correct 'url'") from None

    def _records(self, answer: Any) -> list[dict[str, Any]]:
        rows = _at(answer, self._options.records)
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return rows
        has = sorted(answer) if isinstance(answer, dict) else type(answer).__name__
        raise SourceError(
            f"{self._options.url}: the answer has no list of objects at {self._options.records or 'its top'!r}; "
            f"it has {has}: correct 'records' in usecase.yaml"
        )


def _at(answer: Any, path: str) -> Any:
    """What is at a dotted path of the answer, or None."""
    for name in filter(None, path.split(".")):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def _moment(moment: datetime, form: str, up: bool = False) -> str:
    if form == "epoch":
        return str(math.ceil(moment.timestamp()) if up else math.floor(moment.timestamp()))
    if form == "date":  # a whole day is never less than what was asked for
        return (moment + timedelta(days=1 if up else 0, microseconds=-1 if up else 0)).strftime("%Y-%m-%d")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
