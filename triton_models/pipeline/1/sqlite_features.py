"""Reads Feast's SQLite online store.

One table ``<project>_<view>`` with a row per entity key and feature: ``entity_key`` BLOB, ``feature_name``, ``value``
(a serialized ``ValueProto``), ``event_ts`` (epoch seconds).
"""

import sqlite3

from feast_values import decode, entity_key

KEPT = 100_000  # entities kept in memory at most, unknown ones included
MISSING = "missing"


class SqliteFeatures:
    """What was read is kept until anybody commits to the store: SQLite's ``data_version`` tells, for 3 µs."""

    def __init__(self, url: str, project: str, views: dict, seconds: float) -> None:
        path = url.removeprefix("sqlite:///")
        self._keys = {view: declared["key"] for view, declared in views.items()}
        self._names = {view: declared["features"] for view, declared in views.items()}
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False, timeout=seconds)
        self._select = {
            view: f'SELECT feature_name, value, event_ts FROM "{project}_{view}" WHERE entity_key = ?'  # noqa: S608 - names of our own release
            for view in views
        }
        self._kept: tuple = (None, {})

    def read(self, wanted: set) -> dict:
        """{(view, key): (values, event time)}; (missing, None) for an entity that is not there."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        known, kept = self._kept
        if version != known or len(kept) > KEPT:
            kept = {}
            self._kept = version, kept
        for pair in wanted:
            if pair not in kept:
                kept[pair] = self._one(*pair)
        return kept

    def _one(self, view: str, key: str) -> tuple:
        rows = self._connection.execute(self._select[view], (entity_key(self._keys[view], key),)).fetchall()
        if not rows:
            return MISSING, None
        values = {name: decode(value) for name, value, _ in rows}
        return tuple(values.get(name) for name in self._names[view]), rows[0][2]
