"""The options of the connectors that raw tables come from, declared: a spec is checked without the connectors."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from include.specification.part import SECONDS_MOST, Fault
from include.specification.wording import not_among, worded

SECRET = re.compile(r"://[^/@]*:(?!\$\{\w+\}@)[^/@]+@")
OWN = "own"
RISING = [
    datetime.fromisoformat(text)
    for text in ("1999-12-31T23:59:59", "2000-01-01T00:00:00", "2009-09-09T09:09:09", "2009-10-01T10:10:10",
                 "2009-10-01T13:00:00", "2009-10-02T02:00:00", "2010-01-10T01:00:00", "2010-02-01T00:00:00")
]  # fmt: skip
"""Moments whose texts sort alike in a ``time_format`` that sorts."""


class Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileOptions(Closed):
    """``path`` is a file, a glob or an fsspec URL (s3://, gs://, https://, …); ``storage`` are that store's options.

    ``package`` names an installed distribution whose file ``path`` is. ``null_values`` are the texts that
    mean "no value" in CSV, ``delimiter`` parts its values (default: a tab in .tsv, else a comma).
    """

    path: str
    package: str | None = None
    format: Literal["csv", "jsonl", "parquet"] | None = None
    storage: dict[str, str | int | bool] = {}
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    null_values: list[str] = [""]

    @model_validator(mode="after")
    def _one_delimiter(self) -> Self:
        if self.delimiter and (not self.delimiter.isascii() or self.delimiter in '"\r\n\0'):
            raise ValueError(f"delimiter {self.delimiter!r} cannot part values: give one ASCII character but no quote")
        return self


class SqlOptions(Closed):
    """One of ``url`` and ``connection``, and one of ``table`` (``schema.table``) and ``query`` (a SELECT).

    ``time_format`` (strftime) is for a database that keeps the event time as text: how its bounds are written.
    """

    url: str | None = None
    connection: str | None = None
    table: str | None = None
    query: str | None = None
    time_format: str | None = None
    batch_rows: int = Field(default=20_000, ge=1)

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.url is None) == (self.connection is None) or (self.table is None) == (self.query is None):
            raise ValueError("give exactly one of url, connection, and exactly one of table, query")
        if self.url and SECRET.search(self.url):
            raise ValueError("the url contains a password; write ${NAME} instead and set that environment variable")
        if not (self.table or self.query or "").strip():
            raise ValueError("table or query is empty: name a table, or write a SELECT")
        return self

    @model_validator(mode="after")
    def _times_that_sort(self) -> Self:
        texts = [moment.strftime(self.time_format) for moment in RISING] if self.time_format is not None else []
        if texts != sorted(texts) or len(set(texts)) < len({moment.date() for moment in RISING if texts}):
            raise ValueError(
                f"time_format {self.time_format!r} writes times that do not sort as text, or days alike: the database "
                "would return other rows than those of the period; write a 'query' that returns a timestamp"
            )
        return self


class Paging(Closed):
    """How the next page is asked for.

    ``page`` and ``offset``: the number goes into ``parameter``, ``size`` (rows per page) into ``size_parameter``;
    the end is a page without rows. ``cursor``: ``next`` is where the answer has the value for ``parameter``.
    ``link``: ``next`` is where the answer has the next address; without it the ``Link`` header has it.
    """

    by: Literal["page", "offset", "cursor", "link"]
    parameter: str | None = None
    first: int | None = None
    size: int | None = Field(default=None, ge=1)
    size_parameter: str | None = None
    next: str | None = None

    @property
    def start(self) -> int:
        return self.first if self.first is not None else int(self.by == "page")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.by != "link" and not self.parameter:
            raise ValueError(f"paging by {self.by} needs 'parameter'")
        if self.by == "cursor" and not self.next:
            raise ValueError("paging by cursor needs 'next': the field of the answer that contains the cursor")
        if (self.size is None) != (self.size_parameter is None):
            raise ValueError("'size' and 'size_parameter' belong together")
        return self


class Times(Closed):
    """Query parameters of the window's start and end, in UTC; ``date`` asks for whole days around it."""

    start: str
    end: str
    format: Literal["iso", "epoch", "date"] = "iso"


class HttpOptions(Closed):
    """``records`` is where the answer has the list of rows (``data.items``; empty: the answer is the list)."""

    url: str
    parameters: dict[str, str] = {}
    headers: dict[str, str] = {}
    records: str = ""
    window: Times | None = None
    paging: Paging | None = None
    requests_per_second: float | None = Field(default=None, gt=0)
    attempts: int = Field(default=6, ge=1)
    max_wait_seconds: float = Field(default=120, gt=0, le=SECONDS_MOST)
    timeout_seconds: float = Field(default=30, gt=0, le=SECONDS_MOST)

    @model_validator(mode="after")
    def _each_parameter_once(self) -> Self:
        asked = parse_qs(urlsplit(self.url).query, keep_blank_values=True)
        names = Counter([*asked, *self.parameters])
        if self.window:
            names.update((self.window.start, self.window.end))
        if self.paging:
            names.update(filter(None, (self.paging.parameter, self.paging.size_parameter)))
        if twice := sorted(name for name, count in names.items() if count > 1):
            raise ValueError(f"the query parameters {twice} are set more than once: url, parameters, window, paging")
        return self


OPTIONS: Mapping[str, type[Closed]] = {"file": FileOptions, "sql": SqlOptions, "http": HttpOptions}
"""What ``sources.<table>.connector`` may say, and its options; ``own`` is the use case's own ``source.py``."""


def connector_faults(connector: str, options: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with a connector's name or its options; ``own`` reads its options itself."""
    if connector == OWN:
        return
    if connector not in OPTIONS:
        yield Fault("connector", not_among(connector, [*OPTIONS, OWN], "a connector"))
        return
    model = OPTIONS[connector]
    try:
        model.model_validate(options)
    except ValidationError as error:
        for each in error.errors():
            loc = ("options", *_there(options, each["loc"]), *(each["loc"][-1:] if each["type"] == "missing" else ()))
            allowed = _nested(model, each["loc"][:-1]).model_fields
            yield Fault(".".join(map(str, loc)), f"connector {connector}: {worded({**each, 'loc': loc}, allowed)}")


def _there(options: Any, loc: tuple[Any, ...]) -> Iterator[Any]:
    """The steps of ``loc`` that the options have; pydantic adds the kinds that a value might have had."""
    for step in loc:
        keyed = isinstance(options, dict) and step in options
        if keyed or (isinstance(options, list) and isinstance(step, int) and step < len(options)):
            options = options[step]
            yield step


def _nested(model: type[Closed], loc: tuple[Any, ...]) -> type[Closed]:
    """The part of the options that ``loc`` leads to."""
    nested: dict[str, type[Closed]] = {"paging": Paging, "window": Times}
    return nested.get(str(loc[0]), model) if loc else model
