"""Raw tables from SQL databases through SQLAlchemy (fulfils ports.SourceConnector).

The window is a WHERE clause, rows come through a server-side cursor. The spec never contains a
password: ``${NAME}`` in ``url`` is an environment variable, ``connection`` the name of an Airflow connection.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import sqlglot
from sqlalchemy import exc
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from include.contracts.calendar import Window
from include.errors import ServiceError, SourceError
from include.formats.json_rows import JsonRefusedError, parse
from include.specification.connectors import SqlOptions as Options
from include.specification.data import Source

DIALECTS = {"postgresql": "postgres", "mssql": "tsql", "mariadb": "mysql"}
"""SQLAlchemy's names of dialects that sqlglot calls otherwise."""
DIRECTIVE = re.compile("%.")
"""A part of a format of strftime that stands for a part of the time."""
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


class SqlSource:
    """Reads one table or query. ``resolve`` puts ``${NAME}`` and ``${connection:NAME}`` in clear."""

    def __init__(self, options: Options, resolve: Callable[[str], str]) -> None:
        self._options, self._resolve = options, resolve

    def read(self, source: Source, window: Window | None) -> Iterator[dict[str, Any]]:
        """The rows of the window, ``batch_rows`` at a time.

        Raises
        ------
        SourceError
            no such database file, table or column, or a driver is not installed.
        ServiceError
            the database did not answer, or broke off.
        """
        engine = self._engine()
        try:
            with self._answering(engine.url), engine.connect() as connection:
                yield from self._rows(connection, source, window)
        finally:
            engine.dispose()

    def _engine(self) -> sa.Engine:
        text = self._options.url or f"${{connection:{self._options.connection}}}"
        url = self._url(self._resolve(text))
        if url.get_backend_name() == "sqlite" and not _there(str(url.database)):
            raise SourceError(f"{self._named(url)}: the database file does not exist; deliver it, or correct 'url'")
        try:
            return sa.create_engine(url, hide_parameters=True, poolclass=sa.NullPool, **_exact(url))
        except (ImportError, exc.NoSuchModuleError) as error:
            missing = getattr(error, "name", None) or url.drivername
            raise SourceError(f"{self._named(url)}: the driver {missing!r} is not installed: pip install it") from None

    def _url(self, text: str) -> sa.URL:
        try:
            url = sa.make_url(text)
        except exc.ArgumentError:
            what = self._options.url or f"the connection {self._options.connection!r}"
            raise SourceError(f"{what} is not a database URL; write postgresql+psycopg://user@host/db") from None
        return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))

    def _named(self, url: sa.URL) -> str:
        return f"{url.render_as_string(hide_password=True).split('?')[0]} {self._options.table or 'query'}"

    def _rows(self, connection: sa.Connection, source: Source, window: Window | None) -> Iterator[dict[str, Any]]:
        names, statement = self._select(connection, source, window)
        if statement is None:
            yield {name: [] for name in names}
            return
        with self._cursor(connection, statement) as result:
            for rows in result.partitions(self._options.batch_rows):
                yield dict(zip(names, zip(*rows, strict=True), strict=True))

    def _select(
        self, connection: sa.Connection, source: Source, window: Window | None
    ) -> tuple[list[str], sa.TextClause | None]:
        """Column names and the query for them; None when there is nothing to ask for, by names or by rows."""
        quote = _quoting(connection.dialect)
        origin = self._origin(connection.dialect.name, quote)
        there = list(connection.execute(sa.text(f"SELECT * FROM {origin} WHERE 1 = 0")).keys())
        if any(name not in there for name in source.columns):
            return there, None  # the contract says which are missing
        self._require_once(there, source)
        wanted = list(source.columns)
        select = f"SELECT {', '.join(map(quote, wanted))} FROM {origin}"
        if not (source.time and window):
            return wanted, sa.text(select)
        time = quote(source.time)
        with self._cursor(connection, sa.text(f"SELECT {time} FROM {origin} WHERE {time} IS NOT NULL")) as result:
            first = result.scalar()
        if first is None:
            return wanted, None
        if isinstance(first, str) and self._options.time_format:
            within, bounds = _within_texts(time, self._options.time_format, connection.dialect.name, source, window)
        else:
            within, bounds = f"{time} >= :start AND {time} < :end", self._bounds(first, source, window)
        statement = sa.text(f"{select} WHERE {within} OR {time} IS NULL")
        return wanted, statement.bindparams(**bounds)

    def _require_once(self, there: list[str], source: Source) -> None:
        renamed = {name.removesuffix(":1") for name in there if name.endswith(":1")}  # SQLite's name for a second one
        if twice := [name for name in source.columns if there.count(name) > 1 or name in renamed]:
            raise SourceError(
                f"{self._options.table or 'query'}: the columns {twice} are there more than once, so which of them is "
                "meant is unknown; give each a name of its own"
            )

    def _cursor(self, connection: sa.Connection, statement: sa.TextClause) -> sa.CursorResult[Any]:
        """A server-side cursor: the database sends what is read, and no more."""
        rows = self._options.batch_rows
        return connection.execution_options(stream_results=True, max_row_buffer=rows).execute(statement)

    def _origin(self, dialect: str, quote: Callable[[str], str]) -> str:
        if self._options.query:
            query = _without_end(self._options.query, dialect).replace(":", "\\:")
            return f"(\n{query}\n) AS __source"  # the query may end in a comment
        return ".".join(map(quote, str(self._options.table).split(".")))

    def _bounds(self, first: Any, source: Source, window: Window) -> dict[str, Any]:
        """Start and end in the form in which the database keeps the event time, as a first value shows it."""
        if not isinstance(first, date):  # a datetime is a date
            raise SourceError(
                f"{self._options.table or 'query'}: {source.time!r} is stored as {type(first).__name__}, which cannot "
                "be compared with a time. Set 'time_format' if it is text that sorts by time, like %Y-%m-%dT%H:%M:%SZ, "
                "or write a 'query' that returns a timestamp"
            )
        zoned = isinstance(first, datetime) and first.tzinfo is not None
        if bounds := window.bounds(zoned, source.without_zone):
            return dict(zip(("start", "end"), bounds, strict=True))
        raise SourceError(
            f"{self._options.table or 'query'}: the times in {source.time!r} have no time zone; say how they are read: "
            f"'without_zone' = utc, or local for {source.timezone}"
        )

    @contextmanager
    def _answering(self, url: sa.URL) -> Iterator[None]:
        # a database quotes values in its messages, except where it speaks of names and connections
        named = self._named(url)
        try:
            yield
        except JsonRefusedError as error:
            raise SourceError(f"{named}: a value of type JSON: {error}") from None
        except (exc.ProgrammingError, exc.OperationalError) as error:
            reason = str(error.orig).strip().splitlines()[0]
            refused = getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR"  # names and syntax, in SQLite
            if refused or isinstance(error, exc.ProgrammingError):
                raise SourceError(f"{named}: {reason}; correct 'options' in usecase.yaml") from None
            raise ServiceError(f"{named}: {reason}; correct 'options', or run the task again later") from None
        except exc.DBAPIError as error:
            kind = type(error.orig).__name__
            if error.connection_invalidated or isinstance(error, exc.InterfaceError):
                raise ServiceError(f"{named}: the database broke off ({kind})") from None
            raise SourceError(f"{named}: the query failed ({kind}); try it in the database's own client") from None


def _within_texts(time: str, form: str, dialect: str, source: Source, window: Window) -> tuple[str, dict[str, Any]]:
    """The condition and its values, where times are text of one form: what has another one is for the contract.

    The end counts, because a form without seconds writes more than one moment alike.
    """
    start, end = (window.start, window.end) if source.without_zone == "local" else window.utc()
    shape = DIRECTIVE.sub(lambda part: "_" * len(start.strftime(part[0])), form)
    no_text = f" OR typeof({time}) <> 'text'" if dialect == "sqlite" else ""  # SQLite keeps any type in any column
    condition = f"{time} >= :start AND {time} <= :end OR {time} NOT LIKE :shape{no_text}"
    return condition, {"start": start.strftime(form), "end": end.strftime(form), "shape": shape}


def _there(database: str) -> bool:
    """SQLite makes a file that is not there; an address of its own (``file:``) says itself whether it may."""
    return database.startswith("file:") or Path(database).is_file()


def _exact(url: sa.URL) -> dict[str, Any]:
    """The numbers in PostgreSQL's JSON have more digits than a float."""
    return {"json_deserializer": parse} if url.get_backend_name() == "postgresql" else {}


def _quoting(dialect: sa.Dialect) -> Callable[[str], str]:
    """Names in the database's quotes, for a text of SQLAlchemy: it reads colons as parameters and doubles percents."""
    doubled = dialect.paramstyle in ("format", "pyformat")

    def quote(name: str) -> str:
        written = dialect.identifier_preparer.quote_identifier(name).replace(":", "\\:")
        return written.replace("%%", "%") if doubled else written

    return quote


def _without_end(query: str, dialect: str) -> str:
    """The query without the semicolons and comments at its end, so that it can stand in brackets."""
    try:
        tokens = sqlglot.tokenize(query, read=sqlglot.Dialect.get(DIALECTS.get(dialect, dialect)))
    except SqlglotError:  # the database says better what is wrong
        return query
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    return query[: tokens[-1].end + 1] if tokens else query
