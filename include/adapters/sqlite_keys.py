"""The embedded online store's SQLite file, key by key: Feast itself can neither delete nor rename an entity."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from include.errors import ServiceError
from include.formats.sqlite_files import WAIT_SECONDS
from include.ports.online import Edit


class SqliteKeys:
    """Entity keys and values as Feast serializes them: texts stand in them as they are, behind their length."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def texts(self) -> list[bytes]:
        if not self._file.is_file():
            return []
        with self._open() as store:
            keys = [f"SELECT DISTINCT entity_key FROM {view}" for view in _views(store)]  # noqa: S608
            return sorted({bytes(row[0]) for query in keys for row in store.execute(query)})

    def copy(self, edit: Edit) -> int:
        return self._each(edit, delete=False)

    def delete(self, edit: Edit) -> int:
        """Delete the rows whose key or value ``edit`` changes, and every trace of them in the file; rows deleted."""
        gone = self._each(edit, delete=True)
        if self._file.is_file():
            with self._open() as store:  # a deleted row stays in a free page until then
                store.execute("VACUUM")
                store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def _each(self, edit: Edit, delete: bool) -> int:
        if not self._file.is_file():
            return 0
        with self._open() as store, store:
            store.execute("BEGIN IMMEDIATE")
            return sum(_edit_view(store, view, edit, delete) for view in _views(store))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._file, timeout=WAIT_SECONDS, isolation_level=None)) as store:
                yield store
        except sqlite3.OperationalError as error:
            raise ServiceError(f"the online store {self._file} cannot be written: {error}; try again") from error


def _views(store: sqlite3.Connection) -> list[str]:
    """Quoted names of the tables that hold features."""
    tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {name: {row[1] for row in store.execute(f'PRAGMA table_info("{name}")')} for name in tables}
    return [f'"{name}"' for name, has in columns.items() if {"entity_key", "feature_name", "value"} <= has]


def _edit_view(store: sqlite3.Connection, view: str, edit: Edit, delete: bool) -> int:
    cursor = store.execute(f"SELECT * FROM {view}")  # noqa: S608 - a name of our own store
    names = [column[0] for column in cursor.description]
    key, value = names.index("entity_key"), names.index("value")
    count = 0
    for row in cursor.fetchall():
        after = [edit(bytes(c)) if i in (key, value) and isinstance(c, bytes) else c for i, c in enumerate(row)]
        if after == list(row):
            continue
        count += 1
        if delete:
            identity = row[key], row[names.index("feature_name")]
            store.execute(f'DELETE FROM {view} WHERE entity_key = ? AND "feature_name" = ?', identity)  # noqa: S608
        else:
            there, marks = "IGNORE" if after[key] != row[key] else "REPLACE", ", ".join("?" * len(names))
            store.execute(f"INSERT OR {there} INTO {view} VALUES ({marks})", after)  # noqa: S608
    return count
