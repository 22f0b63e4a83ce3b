"""A database that cannot be used has its fault named, and nothing of it changes."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from include.formats import sqlite_proof
from include.formats.sqlite_files import share
from tests.unit.fakes.damage import KINDS, damage


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "some.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE cats (name TEXT)")
        connection.executemany("INSERT INTO cats VALUES (?)", [(f"cat {n}",) for n in range(2000)])
    return file


def test_a_sound_one_has_no_fault(database: Path) -> None:
    assert (sqlite_proof.fault(database), sqlite_proof.tables(database)) == ("", {"cats"})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("one bit")])
def test_a_damaged_one_is_said_and_left_alone(database: Path, kind: str) -> None:
    damage(database, kind)
    left = database.read_bytes() if database.exists() else None
    assert sqlite_proof.fault(database).startswith("is ")
    assert (database.read_bytes() if database.exists() else None) == left


def test_one_that_another_process_has_locked_is_not_damaged(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = sqlite_proof.opened

    def impatient(path: Path) -> sqlite3.Connection:
        connection = opened(path)
        connection.execute("PRAGMA busy_timeout = 1")
        return connection

    monkeypatch.setattr(sqlite_proof, "opened", impatient)
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert sqlite_proof.fault(database) == ""


WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT INTO cats VALUES ('of another process')")
connection.commit()
connection.close()
"""


@pytest.mark.parametrize("proof", [sqlite_proof.fault, sqlite_proof.fault_outside, sqlite_proof.tables])
def test_a_proof_does_not_take_the_locks_of_who_reads(database: Path, proof: Callable[[Path], object]) -> None:
    """Else the other process takes itself for the last one, and deletes the log that this one reads on."""
    with closing(sqlite3.connect(database)) as reader:
        share(reader)
        count = "SELECT count(*) FROM cats"
        before = reader.execute(count).fetchone()[0]
        proof(database)
        subprocess.run([sys.executable, "-c", WRITE, str(database)], check=True)
        assert database.with_name("some.db-wal").exists()
        assert reader.execute(count).fetchone()[0] == before + 1
