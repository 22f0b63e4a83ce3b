"""Reads Feast's SQLite online store.

One table ``<project>_<view>`` with a row per entity key and feature: ``entity_key`` BLOB, ``feature_name``, ``value``
(a serialized ``ValueProto``), ``event_ts`` (epoch seconds).
"""

import os
import sqlite3
from typing import Any
from urllib.parse import quote, unquote

from feast_values import decode, entity_keys

KEPT = 100_000  # entities kept in memory at most, unknown ones included
MISSING = "missing"
WAITS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
BUSY_SECONDS = 2.0
"""The least time that a lookup waits for a lock. Writers hold up no reader of a file in WAL mode; one that is not yet,
or is recovered after a crash, is locked for moments, and a slow answer is better than one without features."""


class SqliteFeatures:
    """What was read is kept until anybody commits to the store: SQLite's ``data_version`` tells, for 3 µs."""

    def __init__(self, url: str, project: str, views: dict, seconds: float) -> None:
        self._path, self._seconds = unquote(url.removeprefix("sqlite:///")), max(seconds, BUSY_SECONDS)
        self._keys = {view: entity_keys(declared) for view, declared in views.items()}
        self._names = {view: declared["features"] for view, declared in views.items()}
        self._select = {
            view: f'SELECT feature_name, value, event_ts FROM "{project}_{view}" WHERE entity_key = ?'  # noqa: S608 - names of our own release
            for view in views
        }
        self._connection = self._open("mode=ro")
        self._kept: tuple = (None, {})

    def read(self, wanted: set) -> dict:
        """{(view, key): (values, event time)}; (missing, None) for an entity that is not there.

        Raises sqlite3.Error when the store cannot be read.
        """
        try:
            return self._current(wanted)
        except sqlite3.Error as error:
            self._kept = None, {}
            if error.sqlite_errorcode & 0xFF in WAITS:
                raise
            self._connection.close()
            self._connection = self._open("mode=ro")  # the file may be another one now
            if not isinstance(error, sqlite3.OperationalError) or not self._unused():
                raise
        return self._unchanged(wanted)

    def _current(self, wanted: set) -> dict:
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        known, kept = self._kept
        if version != known or len(kept) > KEPT:
            kept = {}
            self._kept = version, kept
        for pair in wanted:
            if pair not in kept:
                kept[pair] = self._one(self._connection, *pair)
        return kept

    def _unchanged(self, wanted: set) -> dict:
        """From a file that nobody writes to: to share it with writers SQLite needs a file beside it, and a disk that is
        full has no room for one."""
        before, connection = os.stat(self._path), self._open("immutable=1")
        try:
            found = {pair: self._one(connection, *pair) for pair in wanted}
        finally:
            connection.close()
        after = os.stat(self._path)
        if not self._unused() or (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            raise sqlite3.OperationalError(f"{self._path} was written to while it was read")
        return found

    def _unused(self) -> bool:
        """Whether the file holds all that was committed, and no transaction is under way."""
        logs = [f"{self._path}-{log}" for log in ("wal", "journal")]
        return os.path.isfile(self._path) and not any(os.path.exists(log) and os.path.getsize(log) for log in logs)

    def _open(self, how: str) -> Any:
        path = f"file:{quote(self._path)}?{how}"
        return sqlite3.connect(path, uri=True, check_same_thread=False, timeout=self._seconds)

    def _one(self, connection: Any, view: str, key: str) -> tuple:
        rows = connection.execute(self._select[view], (self._keys[view](key),)).fetchall()
        if not rows:
            return MISSING, None
        values = {name: decode(value) for name, value, _ in rows}
        return tuple(values.get(name) for name in self._names[view]), rows[0][2]
