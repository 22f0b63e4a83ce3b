"""A state root may have any name: what takes URIs, patterns or words of a configuration gets it exactly."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from include.adapters import haproxy, metrics_server
from include.adapters.experiment_server import mlflow_server
from include.adapters.lake import DeltaLake
from include.contracts.period import Period
from include.contracts.tables import RowFilter
from include.errors import SettingsError
from include.formats import sqlite_proof
from include.formats.delta_place import Place, committing
from include.formats.sqlite_files import sqlite_url
from include.settings import Settings
from tests.integration.test_offline_store import Twins

pytestmark = pytest.mark.integration
JANUARY, FEBRUARY = Period("2013-01"), Period("2013-02")
ALL = "a b#c%20d[x]é"
NAMES = ("a b", "h#x", "c%20d", "100%", "[x]", "é", "-q", "{a}", "a=1", "period=x", "it's (so); a,b&c~", ALL)
SLOW = ("100%", "a=1", "period=x", ALL)


@pytest.fixture(params=NAMES)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A state root beside directories for which a pattern or a decoded name would take it."""
    for other in ("x", "c d", "h", "a b#c dx é"):
        (tmp_path / other).mkdir()
    before = {path.name for path in tmp_path.iterdir()}
    yield tmp_path / str(request.param)
    assert {path.name for path in tmp_path.iterdir()} - before == {str(request.param)}, "nothing is made elsewhere"


@pytest.mark.parametrize("home", SLOW, indirect=True)
def test_a_lake_below_a_path_of_any_name_keeps_and_finds_its_files(home: Path) -> None:
    lake, given = DeltaLake(home / "lake"), home / "given.parquet"
    home.mkdir()
    pq.write_table(pa.table({"a": [1, 2]}), given)
    first = lake.publish("u", "t", given, JANUARY)
    lake.publish("u", "t", pa.table({"a": [3]}), FEBRUARY)
    assert lake.publish("u", "t", given, JANUARY).content_hash == first.content_hash
    assert lake.select("u", "t", RowFilter(newest=1, order=["a"]))["a"].to_pylist() == [3]
    assert lake.read("u", "t", version=first.version)["a"].to_pylist() == [1, 2]
    assert all(Path(rows.file).is_relative_to(home) for rows in lake.pinned("u", "t", {JANUARY: first}, again=True))
    assert (lake.delete("u", "t", "a = 1"), lake.vacuum("u", "t")) == (1, 1)
    assert sorted(lake.read("u", "t")["a"].to_pylist()) == [2, 3]
    lake.append("u", "t", pa.table({"a": [4], "new": ["x"], "period": ["2013-02"]}))
    assert lake.prune("u", "t", []) == 0
    assert sum(lake.describe("u", "t").rows.values()) == 3


def test_a_path_that_is_no_unicode_is_refused_with_the_setting(tmp_path: Path) -> None:
    home = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(SettingsError, match=r"no Unicode, which Delta needs; set MOEBIUS_HOME"):
        DeltaLake(home).publish("u", "t", pa.table({"a": [1]}), JANUARY)


def test_duckdb_reads_the_file_and_not_one_that_its_path_would_match(tmp_path: Path) -> None:
    for name, value in (("x", 1), ("[x]", 2)):
        DeltaLake(tmp_path / name).publish("u", "t", pa.table({"a": [value]}), JANUARY)
    ((one, _),), ((other, _),) = (DeltaLake(tmp_path / name).files("u", "t") for name in ("x", "[x]"))
    twin = Path(other).with_name(Path(one).name)
    Path(other).rename(twin)
    twin.rename(other)
    assert DeltaLake(tmp_path / "[x]").read("u", "t")["a"].to_pylist() == [2]


def test_a_commit_through_a_descriptor_loses_to_one_that_came_first(tmp_path: Path) -> None:
    path = tmp_path / "c%20d" / "u" / "t"
    DeltaLake(tmp_path / "c%20d").publish("u", "t", pa.table({"a": [1]}), JANUARY)
    before = sorted((path / "_delta_log").iterdir())
    with pytest.raises(FileExistsError), committing(Place(path)) as aside:  # noqa: PT012 - both writers write here
        for log in (aside.table / "_delta_log", path / "_delta_log"):
            (log / f"{len(before):020d}.json").write_text("{}")
    assert not list(path.glob(".commit-*"))


def test_features_are_joined_in_a_state_root_of_any_name(tmp_path: Path) -> None:
    at = pd.Timestamp("2013-05-01T06:00Z")
    base = {"place": ["a"], "at": [at], "created": [at]}
    rows = pd.DataFrame({**base, "value": [1.5], "level": [2]})
    tours = pd.DataFrame({**base, "machine": [1], "word": ["b"]})
    (tmp_path / ALL).mkdir()
    twins = Twins(tmp_path / ALL, ttl=48)
    twins.publish(rows, tours)
    events = pd.DataFrame({"place": ["a"], "machine": [1], "event_timestamp": [at], "event_id": [1]})
    answer = twins.ours.get_historical_features(events, twins.ours.get_feature_service("all")).to_df()
    assert answer["value"].tolist() == [1.5]


def test_a_database_below_a_path_of_any_name_is_the_one_that_is_opened(home: Path) -> None:
    home.mkdir()
    with sa.create_engine(sqlite_url(home / "a.db"), poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.text("CREATE TABLE there (x INTEGER)"))
    assert sqlite_proof.tables(home / "a.db") == {"there"}


def test_servers_read_their_configuration_in_a_state_root_of_any_name(home: Path) -> None:
    settings = Settings(home=home)
    metrics_server.configure(settings, "groups: []\n")
    assert str(settings.home) not in (settings.home / "prometheus" / "prometheus.yml").read_text()
    _, environment = mlflow_server(settings)
    assert environment["_MLFLOW_SERVER_FILE_STORE"] == "sqlite:///mlflow.db"
    if haproxy._found(settings) is None:
        pytest.skip("HAProxy is not installed")
    settings.gateway.mkdir(parents=True, exist_ok=True)
    haproxy.configure(settings, ["flight_delay"], {})
    checked = subprocess.run([*haproxy.command(settings), "-c"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
