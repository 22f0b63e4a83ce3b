"""The flights in a real PostgreSQL, and in SQLite: the same snapshot, asked for month by month."""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import ingestion, processing, staging, versioning
from include.errors import MoebiusError, ServiceError, SettingsError, SourceError, SpecError
from include.orchestration.secrets import resolve_reference
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.api_fixtures import Api, api  # noqa: F401
from tests.integration.ports import free_port
from tests.integration.postgres_fixtures import PASSWORD, connect, postgres  # noqa: F401
from tests.integration.state_fixtures import snapshots_in

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
FEBRUARY = Period("2013-02")
NOWHERE = Path("/nothing is delivered here")
SERVICES = Services(Settings(home=NOWHERE))
TEXT_TIME = "%Y-%m-%dT%H:%M:%SZ"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTS_PASSWORD", PASSWORD.replace("/", "%2F").replace("@", "%40"))


def from_(options: dict[str, dict[str, Any]], connector: str = "sql", **changes: Any) -> UseCase:
    """The spec with other origins of some tables."""
    update = {"connector": connector} | changes
    found = {t: SPEC.sources[t].model_copy(update=update | {"options": o}) for t, o in options.items()}
    return SPEC.model_copy(update={"sources": SPEC.sources | found})


def address(port: int) -> str:
    return f"postgresql+psycopg://postgres:${{FLIGHTS_PASSWORD}}@127.0.0.1:{port}/postgres"


def snapshot(spec: UseCase, home: Path) -> SnapshotRef:
    lake = DeltaLake(home / "lake")
    ingestion.collect(spec, FEBRUARY, NOWHERE, home / "staging", SERVICES.adapters.connector)
    processing.build(spec, FEBRUARY, home / "staging", lake)
    staging.mark_passed(home / "staging")
    return versioning.publish(spec, FEBRUARY, home / "staging", lake, snapshots_in(home, spec.name))


def rows(spec: UseCase, table: str, services: Services = SERVICES) -> pa.Table:
    return pa.Table.from_batches(ingestion.batches(spec, table, FEBRUARY, NOWHERE, services.adapters.connector))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The snapshot of February from files."""
    return snapshot(SPEC, tmp_path_factory.mktemp("files")).name


def test_postgres_gives_the_same_snapshot_as_files(tmp_path: Path, expected: str, postgres: int) -> None:  # noqa: F811
    spec = from_({table: {"url": address(postgres), "table": f"public.{table}"} for table in SPEC.sources})
    assert snapshot(spec, tmp_path).name == expected


def test_an_api_gives_the_same_snapshot_as_files(tmp_path: Path, expected: str, api: Api, postgres: int) -> None:  # noqa: F811
    with connect(postgres) as connection:
        for table in SPEC.sources:
            near = "" if table == "planes" else "WHERE time_hour BETWEEN '2013-01-31' AND '2013-03-02'"
            text = connection.execute(f"SELECT json_agg(t)::text FROM {table} t {near}").fetchone()
            api.tables[table] = json.loads(text[0].replace("+00:00", "Z")) if text else []
    paging = {"by": "offset", "parameter": "offset", "size": 3500, "size_parameter": "size"}
    window = {"start": "from", "end": "to"}
    options = {t: {"url": f"{api.url}/offset/{t}", "paging": paging, "window": window} for t in SPEC.sources}
    assert snapshot(from_(options, "http"), tmp_path).name == expected
    assert len(api.requests) == (8 + 1) + (1 + 1) + (1 + 1)


def test_sqlite_gives_the_same_rows_by_text_times(tmp_path: Path) -> None:
    original = rows(SPEC, "weather")
    weather = original.to_pandas().assign(time_hour=lambda t: t.time_hour.dt.strftime(TEXT_TIME))
    others = weather.assign(time_hour=["2013-01-31T20:00:00Z", "2013-03-01T05:00:00Z"] * 1005)
    with sqlite3.connect(tmp_path / "flights.db") as connection:
        pd.concat([others, weather]).to_sql("weather", connection, index=False)
    connection.close()
    url = f"sqlite:///{tmp_path}/flights.db"
    spec = from_({"weather": {"url": url, "table": "weather", "time_format": TEXT_TIME}})
    assert rows(spec, "weather").equals(original)
    with pytest.raises(SourceError, match=r"'time_hour' is stored as str.*'time_format'"):
        rows(from_({"weather": {"url": url, "table": "weather"}}), "weather")


@pytest.mark.parametrize("odd", ["1359936000", "2456326.5", "x'00'", "''", "'03/02/2013'", "'12013-02-03T00:00:00Z'"])
def test_a_text_time_of_another_form_is_refused_and_not_taken_for_one_of_another_month(
    tmp_path: Path, odd: str
) -> None:
    spec = of_times(tmp_path, ["'2013-02-03T00:00:00Z'", odd])
    with pytest.raises(SourceError, match="'at': 1 of 2 values cannot be read as timestamp, the first in row 2"):
        rows(spec, "weather")


def test_text_times_at_the_bounds_of_a_window_are_all_taken(tmp_path: Path) -> None:
    finer = ["'2013-02-01T05:00:00.5Z'", "'2013-03-01T04:59:59.5Z'", "'2013-03-01T05:00:00.5Z'"]
    assert rows(of_times(tmp_path, finer), "weather")["id"].to_pylist() == [0, 1]
    days = ["'2013-02-01'", "'2013-03-01'", "'2013-03-02'"]
    found = rows(of_times(tmp_path, days, time_format="%Y-%m-%d", without_zone="utc"), "weather")
    assert found["id"].to_pylist() == [1]  # in New York March begins five hours later


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%y-%m-%d", "%b %d %Y", "%Y-%m-%dT%I:%M", "%Y-%m", "today"])
def test_a_time_format_that_does_not_sort_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(SpecError, match="do not sort as text, or days alike"):
        rows(of_times(tmp_path, [], time_format=form), "weather")


def of_times(place: Path, times: list[str], time_format: str = TEXT_TIME, **changes: Any) -> UseCase:
    """The spec whose table ``weather`` has these times, written as in SQL, in a column without a type."""
    with sqlite3.connect(place / "times.db") as connection:
        connection.executescript("DROP TABLE IF EXISTS weather; CREATE TABLE weather (id, at)")
        for number, text in enumerate(times):
            connection.execute(f"INSERT INTO weather VALUES ({number}, {text})")
    connection.close()
    options = {"url": f"sqlite:///{place}/times.db", "table": "weather", "time_format": time_format}
    columns = {"id": "integer", "at": "timestamp"}
    return from_({"weather": options}, columns=columns, key=["id"], time="at", **changes)


def in_sqlite(place: Path, query: str) -> pa.Table:
    (place / "planes.db").touch()
    spec = from_({"planes": {"url": f"sqlite:///{place}/planes.db", "query": query}})
    return rows(spec, "planes")


def test_sql_values_become_text_by_themselves(tmp_path: Path) -> None:
    origin = "SELECT 2000 AS year, 2 AS engines, 3 AS seats"
    for value, text in (("7.0", "7.0"), ("'7.0'", "7.0"), ("7", "7"), ("9007199254740993", "9007199254740993")):
        for other in ("1", "2.5", "'x'"):
            query = f"SELECT o.*, tailnum FROM ({origin}) AS o, (SELECT {value} AS tailnum UNION ALL SELECT {other})"
            assert text in in_sqlite(tmp_path, query)["tailnum"].to_pylist()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            "SELECT 'N1' AS tailnum, 1 AS year, 2 AS year, 3 AS engines, 4 AS seats",
            r"\['year'\] are there more than once",
        ),
        ("SELECT 'N1' AS tailnum, 9e999 AS year, 3 AS engines, 4 AS seats", "'year': 1 of 1 values cannot be read"),
        ("SELECT 1; DELETE FROM planes", "syntax error; correct 'options'"),
        ("SELECT x'ff' AS tailnum, 1 AS year, 3 AS engines, 4 AS seats", "'tailnum': 1 of 1 values cannot be read"),
    ],
)
def test_sql_that_cannot_be_taken_exactly_is_refused(tmp_path: Path, query: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        in_sqlite(tmp_path, query)


def test_a_database_file_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"x\.db planes: the database file does not exist"):
        rows(from_({"planes": {"url": f"sqlite:///{tmp_path}/x.db", "table": "planes"}}), "planes")
    assert not (tmp_path / "x.db").exists()


def test_uuids_and_objects_of_postgres_are_text(postgres: int) -> None:  # noqa: F811
    ident = "12345678-1234-5678-1234-567812345678"
    for value, text in ((f"'{ident}'::uuid", ident), ("""'{"a": [1.50]}'::jsonb""", '{"a": [1.50]}'), ("1.10", "1.10")):
        query = f"SELECT {value} AS tailnum, 1 AS year, 2 AS engines, 3 AS seats"
        assert (
            rows(from_({"planes": {"url": address(postgres), "query": query}}), "planes")["tailnum"][0].as_py() == text
        )
    infinite = "SELECT 'N1' AS tailnum, 'Infinity'::float8 AS year, 2 AS engines, 3 AS seats"
    with pytest.raises(SourceError, match="'year': 1 of 1 values cannot be read as number"):
        rows(from_({"planes": {"url": address(postgres), "query": infinite}}), "planes")


def test_a_query_may_have_colons_percents_and_a_semicolon(postgres: int) -> None:  # noqa: F811
    query = "SELECT *, 'a:b' AS colon FROM weather WHERE origin LIKE '%W%' AND '10:30' = '10:30' AND visib::int >= 0"
    found = rows(from_({"weather": {"url": address(postgres), "query": f"{query}; -- 100 %"}}), "weather")
    assert set(found["origin"].to_pylist()) == {"EWR"}
    assert 600 < found.num_rows < 700


@pytest.mark.parametrize(
    "end",
    [" -- until now", "; -- to: now\n", " /* a; b */ ;\n;", "\n-- it's one", ";", " ORDER BY 1 -- :end, 100 %"],
)
def test_a_query_may_end_in_a_comment(tmp_path: Path, end: str) -> None:
    names = ["tailnum", "a :b", "100 %%", 'a"b']
    with sqlite3.connect(tmp_path / "planes.db") as connection:
        connection.execute("CREATE TABLE planes (tailnum TEXT)")
        connection.execute("INSERT INTO planes VALUES ('N1')")
    connection.close()
    odd = """'--;' AS "a :b", 'x' AS "100 %%", 'y' AS "a""b\""""
    query = f"SELECT tailnum, {odd} FROM planes -- all of them\n WHERE 1 = 1{end}"
    options = {"planes": {"url": f"sqlite:///{tmp_path}/planes.db", "query": query}}
    found = rows(from_(options, columns=dict.fromkeys(names, "string"), key=["tailnum"]), "planes")
    assert found.to_pylist() == [dict(zip(names, ["N1", "--;", "x", "y"], strict=True))]


def test_the_database_is_asked_for_the_window_through_a_cursor(postgres: int) -> None:  # noqa: F811
    spec = from_({"flights": {"url": address(postgres), "table": "flights", "batch_rows": 1000}})
    window = Calendar(every="month", timezone="America/New_York").window(FEBRUARY)
    reading = SERVICES.adapters.connector(spec, "flights").read(spec.sources["flights"], window)
    assert len(next(reading)["time_hour"]) == 1000
    with connect(postgres) as connection:
        held = connection.execute("SELECT query FROM pg_stat_activity WHERE state = 'idle in transaction'").fetchall()
    assert [query.split()[:2] for (query,) in held] == [["FETCH", "FORWARD"]]
    assert 1000 + sum(len(batch["time_hour"]) for batch in reading) == 24951


@pytest.mark.parametrize(("zone", "read"), [("utc", "10:00"), ("local", "15:00")])
def test_times_without_zone_are_read_as_said(postgres: int, zone: str, read: str) -> None:  # noqa: F811
    query = "SELECT 'EWR' AS origin, timestamp '2013-02-03 10:00' AS time_hour" + "".join(
        f", 1.0 AS {name}" for name in SPEC.sources["weather"].columns if name not in ("origin", "time_hour")
    )
    options = {"weather": {"url": address(postgres), "query": query}}
    found = rows(from_(options, without_zone=zone), "weather")
    assert [t.strftime("%H:%M") for t in found["time_hour"].to_pylist()] == [read]
    with pytest.raises(SourceError, match="the times in 'time_hour' have no time zone; say how"):
        rows(from_(options), "weather")


def test_a_password_in_the_spec_is_refused_and_not_repeated() -> None:
    with pytest.raises(SpecError, match=r"the url contains a password; write \$\{NAME\}") as caught:
        rows(from_({"planes": {"url": "postgresql://me:hunter2@host/db", "table": "planes"}}), "planes")
    assert "hunter2" not in str(caught.value)


FAULTS: list[tuple[dict[str, Any], type[MoebiusError], str]] = [
    ({"table": "plains"}, SourceError, 'relation "plains" does not exist; correct'),
    (
        {"query": "SELECT tailnum FROM planes"},
        SourceError,
        r"'planes' lacks the columns \['year', 'engines', 'seats'\]",
    ),
    ({"query": "SELECT 'SECRET'::int AS tailnum, 1 AS year, 1 AS engines, 1 AS seats"}, SourceError, "query failed"),
    ({"table": "planes", "query": "SELECT 1"}, SpecError, "exactly one of table, query"),
    ({"tabel": "planes"}, SpecError, "tabel.*did you mean table.*allowed: url, connection, table, query"),
]


@pytest.mark.parametrize(("options", "kind", "said"), FAULTS)
def test_a_fault_is_named(postgres: int, options: dict[str, Any], kind: type[Exception], said: str) -> None:  # noqa: F811
    with pytest.raises(kind, match=said) as caught:
        rows(from_({"planes": {"url": address(postgres)} | options}), "planes")
    assert "SECRET" not in str(caught.value)


def test_a_database_that_does_not_answer_may_be_asked_again() -> None:
    options = {"url": f"postgresql://postgres:${{FLIGHTS_PASSWORD}}@127.0.0.1:{free_port()}/x", "table": "planes"}
    with pytest.raises(ServiceError, match=r"postgres:\*\*\*@127.*planes: .*refused") as caught:
        rows(from_({"planes": options}), "planes")
    assert PASSWORD not in str(caught.value)


def test_a_wrong_password_is_not_repeated(postgres: int, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("FLIGHTS_PASSWORD", "wrong-one")
    with pytest.raises(ServiceError, match="authentication failed") as caught:
        rows(from_({"planes": {"url": address(postgres), "table": "planes"}}), "planes")
    assert "wrong-one" not in str(caught.value)


def test_a_database_that_breaks_off_may_be_asked_again(postgres: int) -> None:  # noqa: F811
    spec = from_({"flights": {"url": address(postgres), "table": "flights", "batch_rows": 500}})
    reading = ingestion.batches(spec, "flights", FEBRUARY, NOWHERE, SERVICES.adapters.connector)
    assert [next(reading).num_rows for _ in range(2)] == [0, 500]
    with connect(postgres) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()")
    with pytest.raises(ServiceError, match=r"flights: "):
        list(reading)


def test_an_airflow_connection_is_used_by_its_name(postgres: int, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    quoted = re.sub("[@/]", lambda found: f"%{ord(found[0]):02X}", PASSWORD)
    spec = from_({"planes": {"connection": "flights_db", "table": "planes"}})
    with pytest.raises(SettingsError, match="AIRFLOW_CONN_FLIGHTS_DB, which is not set"):
        rows(spec, "planes")
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_DB", f"postgres://postgres:{quoted}@127.0.0.1:{postgres}/postgres")
    assert rows(spec, "planes").num_rows == 3322
    assert rows(spec, "planes", Services(Settings(home=NOWHERE), resolve_reference)).num_rows == 3322


def test_a_driver_that_is_not_there_is_named() -> None:
    with pytest.raises(SourceError, match="the driver 'MySQLdb' is not installed"):
        rows(from_({"planes": {"url": "mysql://host/db", "table": "planes"}}), "planes")


def test_a_raw_row_of_another_type_is_counted(postgres: int) -> None:  # noqa: F811
    query = "SELECT tailnum, 'SECRET' AS year, engines, seats FROM planes"
    with pytest.raises(SourceError, match="'year': 3322 of 3322 values cannot be read as number") as caught:
        rows(from_({"planes": {"url": address(postgres), "query": query}}), "planes")
    assert "SECRET" not in str(caught.value)


def test_the_fixture_is_really_a_database(postgres: int) -> None:  # noqa: F811
    with psycopg.connect(host="127.0.0.1", port=postgres, user="postgres", password=PASSWORD) as connection:
        assert connection.execute("SELECT count(*) FROM flights").fetchone() == (336776,)
