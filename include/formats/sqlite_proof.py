"""Whether a file is a sound SQLite database. SQLite has no checksums: a changed bit inside a value is not seen."""

import sqlite3
from contextlib import closing
from pathlib import Path

MAGIC = b"SQLite format 3\0"


def fault_outside(path: Path) -> str:
    """What can be seen without opening it: '' when it looks like one."""
    if not path.is_file():
        return "is gone"
    with path.open("rb") as content:
        start = content.read(len(MAGIC))
    if not start:
        return "is empty"
    return "" if start == MAGIC else "is damaged: it is not an SQLite database"


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
