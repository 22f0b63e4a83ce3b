"""Whether a file is a sound SQLite database. SQLite has no checksums: a changed bit inside a value is not seen.

Only SQLite opens the files. Closing a file that was opened otherwise would drop the locks of every connection that this
process has to it (POSIX advisory locks), and another process would delete the write-ahead log that they still read
(sqlite.org/howtocorrupt.html, section 2.2).
"""

import sqlite3
from contextlib import closing
from pathlib import Path


def fault_outside(path: Path) -> str:
    """What can be seen without reading its tables: '' when it looks like one."""
    if not path.is_file():
        return "is gone"
    if not path.stat().st_size:
        return "is empty"
    try:
        with closing(opened(path)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.OperationalError:  # locked, or the disk is full: nothing is known
        return ""
    except sqlite3.DatabaseError as error:
        return f"is damaged: it is not an SQLite database ({error})"
    return ""


def fault(path: Path) -> str:
    """The same, and what ``PRAGMA quick_check`` says."""
    if outside := fault_outside(path):
        return outside
    try:
        with closing(opened(path)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:  # locked, or the disk is full: nothing is known
        return "" if "malformed" not in str(error) else f"is damaged ({error})"
    except sqlite3.DatabaseError as error:
        return f"is damaged ({error})"
    return "" if verdict == "ok" else f"is damaged ({' '.join(verdict.split())})"


def tables(path: Path) -> set[str]:
    """Names of its tables; none without the file."""
    if not path.is_file():
        return set()
    with closing(opened(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def opened(path: Path) -> sqlite3.Connection:
    """A connection that never makes the file."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30.0)
