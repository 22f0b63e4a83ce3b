"""The keys of people in a SQLite file of their own, which no copy of the log has (fulfils ports.audit.SubjectKeys)."""

import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from include.errors import ServiceError
from include.formats.sqlite_files import WAIT_SECONDS

KEY_BYTES = 64
"""One half seals values, the other is for HMACs."""
AT_ONCE = 10_000
"""Values of one query; SQLite takes 32,766."""


class SqliteSubjectKeys:
    """``file`` is made at first use, for its owner alone; what is deleted is overwritten."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def give(self, usecase: str, values: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        known = self.having(usecase, values)
        if missing := [value for value in dict.fromkeys(values) if value not in known]:
            with self._open() as store, store:
                store.execute("BEGIN IMMEDIATE")
                there = _having(store, usecase, missing)  # another process may have been quicker
                new = [value for value in missing if value not in there]
                rows = [(secrets.token_hex(8), usecase, value, secrets.token_bytes(KEY_BYTES)) for value in new]
                store.executemany("INSERT INTO keys (id, usecase, value, key) VALUES (?, ?, ?, ?)", rows)
                known |= there | {value: [(name, key)] for name, _, value, key in rows}
        return {value: known[value][0] for value in values}

    def having(self, usecase: str, values: Sequence[str]) -> dict[str, list[tuple[str, bytes]]]:
        if not values or not self._file.is_file():
            return {}
        with self._open() as store:
            return _having(store, usecase, list(dict.fromkeys(values)))

    def by_id(self, name: str) -> bytes | None:
        """The key of this id; None of one that was deleted."""
        if not self._file.is_file():
            return None
        with self._open() as store:
            row = store.execute("SELECT key FROM keys WHERE id = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def values(self, usecase: str) -> set[str]:
        if not self._file.is_file():
            return set()
        with self._open() as store:
            return {value for (value,) in store.execute("SELECT value FROM keys WHERE usecase = ?", (usecase,))}

    def erase(self, usecase: str, values: Sequence[str]) -> int:
        if not self._file.is_file():
            return 0
        with self._open() as store:
            with store:
                store.execute("BEGIN IMMEDIATE")
                pairs = [(usecase, value) for value in values]
                gone = store.executemany("DELETE FROM keys WHERE usecase = ? AND value = ?", pairs).rowcount
            store.execute("VACUUM")  # nothing of a deleted row is left in a free page
        return max(gone, 0)

    def renew(self, usecase: str, change: Callable[[str], str]) -> int:
        if not self._file.is_file():
            return 0
        with self._open() as store:
            with store:
                store.execute("BEGIN IMMEDIATE")
                there = store.execute("SELECT number, value FROM keys WHERE usecase = ?", (usecase,)).fetchall()
                changed = [(after, number) for number, value in there if (after := change(value)) != value]
                store.executemany("UPDATE keys SET value = ? WHERE number = ?", changed)
            if changed:
                store.execute("VACUUM")
        return len(changed)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._file.is_file():
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._file.touch(mode=0o600)
            with closing(sqlite3.connect(self._file, timeout=WAIT_SECONDS, isolation_level=None)) as store:
                store.execute("PRAGMA secure_delete = ON")
                store.execute(
                    "CREATE TABLE IF NOT EXISTS keys (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, "
                    "usecase TEXT, value TEXT, key BLOB)"
                )
                store.execute("CREATE INDEX IF NOT EXISTS of_value ON keys (usecase, value)")
                yield store
        except sqlite3.Error as error:
            raise ServiceError(f"the keys of the audit log in {self._file} cannot be used: {error}") from error


def _having(store: sqlite3.Connection, usecase: str, values: list[str]) -> dict[str, list[tuple[str, bytes]]]:
    found = defaultdict[str, list[tuple[str, bytes]]](list)
    for begin in range(0, len(values), AT_ONCE):
        asked = values[begin : begin + AT_ONCE]
        marks = ", ".join("?" * len(asked))
        query = f"SELECT value, id, key FROM keys WHERE usecase = ? AND value IN ({marks}) ORDER BY number"  # noqa: S608
        for value, name, key in store.execute(query, [usecase, *asked]):
            found[value].append((name, key))
    return dict(found)
