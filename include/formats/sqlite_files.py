"""SQLite files that several processes use: readers and writers do not hold each other up, and a lock is waited for."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

WAIT_SECONDS = 30.0
"""How long a connection waits for a lock; Python's own 5 are too few on a busy machine."""


def sqlite_url(path: Path) -> str:
    """The URL of a file for SQLAlchemy 2.1 and for the serving code, which decode it once."""
    return f"sqlite:///{quote(str(path))}"


def share(connection: Any) -> None:
    """Set time-out and write-ahead log of a connection of Python's ``sqlite3``; the log stays a property of the file.

    A file that is locked for so long, or on a disk that is full, keeps the mode that it has: it can be used, and the
    next connection tries again.
    """
    connection.execute(f"PRAGMA busy_timeout = {int(WAIT_SECONDS * 1000)}")
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise


def share_file(path: Path) -> None:
    """The same for a file that a library opens."""
    with closing(sqlite3.connect(path)) as connection:
        share(connection)
