"""This process's one DuckDB: to open a database costs more than most questions that are asked of it.

What a session makes must be ``TEMP``: it is of the session then, and goes with it. Limits of memory and places to spill
are of a whole database: what needs its own opens its own.
"""

import os
from functools import cache
from threading import Lock

import duckdb

_lock = Lock()


def in_utc(*, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A session whose times of day are UTC's; close it. Sessions with other ``threads`` are of another database."""
    with _lock:
        connection = _database(os.getpid(), threads).cursor()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@cache
def _database(process: int, threads: int | None) -> duckdb.DuckDBPyConnection:
    """That of a process: the threads of one that was forked from are not in its child, which must not close it."""
    # files are read once; what DuckDB keeps of them would be as large as the memory of a process that lives long
    config: dict[str, str | bool | int | float | list[str]] = {"enable_external_file_cache": False}
    return duckdb.connect(config=config | ({} if threads is None else {"threads": threads}))
