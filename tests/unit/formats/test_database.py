"""Sessions of the process's one DuckDB: alone with what they make, in UTC, and there after a fork."""

import multiprocessing

import duckdb
import pytest

from include.formats.database import in_utc


def test_sessions_know_nothing_of_each_other() -> None:
    with in_utc() as one, in_utc() as other:
        for number, session in enumerate((one, other)):
            session.execute(f"CREATE TEMP VIEW given AS SELECT {number} AS n")
        assert [session.sql("FROM given").fetchall() for session in (one, other)] == [[(0,)], [(1,)]]
        one.execute("SET TimeZone = 'Asia/Tokyo'")
        assert other.sql("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
    with in_utc() as later, pytest.raises(duckdb.CatalogException):
        later.sql("FROM given")


def test_what_is_read_is_not_kept_in_memory() -> None:
    with in_utc() as session:
        assert session.sql("SELECT current_setting('enable_external_file_cache')").fetchall() == [(False,)]


def _ask(answers: "multiprocessing.SimpleQueue[int]") -> None:
    with in_utc() as session:
        answers.put(session.sql("SELECT count(*) FROM range(1_000_000) WHERE range % 3 = 0").fetchall()[0][0])


def test_a_process_that_was_forked_has_a_database_of_its_own() -> None:
    _ask_here = in_utc()
    forked = multiprocessing.get_context("fork")
    answers = forked.SimpleQueue()
    child = forked.Process(target=_ask, args=(answers,))
    child.start()
    child.join(120)
    assert child.exitcode == 0
    assert answers.get() == 333_334
    _ask_here.close()
