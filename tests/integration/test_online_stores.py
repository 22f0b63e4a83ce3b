"""One behaviour for both online stores, seen by Feast's SDK and by the model server's own reader."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import redis

from include.adapters.feature_store import FeastFeatureStore
from include.errors import DamagedStateError, NotFoundError, ServiceError
from include.settings import Settings
from tests.integration.metrics_server_fixtures import wait_until
from tests.integration.redis_fixtures import running_redis
from tests.integration.small_disk_fixtures import SmallDisk, small_disk
from tests.unit.deployment.serving_code import served

pytestmark = pytest.mark.integration
__all__ = ["small_disk"]
NOON = pd.Timestamp("2013-05-01T12:00Z")
DEFINITIONS = """
from datetime import timedelta
from feast import Entity, FeatureService, FeatureView, Field, FileSource, Project, ValueType
from feast.types import Bool, Float32, Float64, Int32, Int64, String
project = Project(name="moebius")
thing = Entity(name="thing", join_keys=["thing"], value_type=ValueType.STRING)
kinds = dict(size=Float64, weight=Float32, count=Int64, level=Int32, colour=String, broken=Bool)
fields = [Field(name="thing", dtype=String), *(Field(name=n, dtype=t) for n, t in kinds.items())]
source = FileSource(path="lake/u/things", timestamp_field="event_timestamp")
things = FeatureView(name="things", entities=[thing], ttl=timedelta(hours=2), schema=fields, source=source)
other = FeatureView(name="other", entities=[thing], ttl=timedelta(0), source=source,
                    schema=[Field(name="thing", dtype=String), Field(name="price", dtype=Float64)])
all_things = FeatureService(name="all", features=[things, other])
"""
FEATURES = {"things": ["size", "weight", "count", "level", "colour", "broken"], "other": ["price"]}
VIEWS = {
    view: {"key": "thing", "features": names, "freshness_hours": 2 if view == "things" else 0}
    for view, names in FEATURES.items()
}


READER, SQLITE = served("online_features"), served("sqlite_features")


class Online:
    """One online store; ``opened`` gives new connections to it."""

    def __init__(self, settings: Settings, definitions: Path) -> None:
        self.settings, self.definitions = settings, definitions
        self.store = self.opened()
        self.store.apply()

    def opened(self) -> FeastFeatureStore:
        return FeastFeatureStore(self.settings, self.definitions)

    def reader(self, seconds: float = 5.0) -> Any:
        return READER.OnlineFeatures(self.settings.online_store_url, self.settings.feature_project, VIEWS, seconds)

    def push(self, *rows: dict, view: str = "things") -> None:
        self.store.push(view, pd.DataFrame(rows))

    def served(self, thing: str, at: float = 0) -> tuple[dict, list]:
        """What the model server would look up, and why something lacks."""
        found = [looked_up(self.reader(), view, thing, NOON + pd.Timedelta(hours=at)) for view in VIEWS]
        return {k: v for features, _ in found for k, v in features.items()}, [reason for _, reason in found]

    def known(self, thing: str, at: float | None = None) -> dict:
        """The same by Feast's SDK."""
        when = {} if at is None else {"event_timestamp": NOON + pd.Timedelta(hours=at)}
        return self.store.online("all", [{"thing": thing, **when}])[0]


def looked_up(reader: Any, view: str, thing: str, at: pd.Timestamp = NOON) -> tuple[dict, str | None]:
    """The features of one row, none when they lack, and why they do."""
    rows, reasons = reader.look_up({view: [thing]}, [at.timestamp()])[view]
    return {} if reasons else dict(zip(FEATURES[view], rows[0], strict=True)), reasons[0] if reasons else None


def await_found(reader: Any, thing: str, count: int | None) -> None:
    """Until the reader finds that count: Redis may answer a writer before it tells the readers of the write."""
    wait_until(lambda: looked_up(reader, "things", thing)[0].get("count") == count, f"the count {count} of {thing}")


def row(thing: str = "t1", hour: float = 0, **other: Any) -> dict:
    values = {"size": 1.5, "weight": 0.25, "count": 7, "level": -3, "colour": "red", "broken": True}
    return {"thing": thing, "event_timestamp": NOON + pd.Timedelta(hours=hour), **values, **other}


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def online(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Online]:
    home = tmp_path_factory.mktemp(request.param)
    with running(request.param, home) as settings:
        yield Online(settings, written(home))


@contextmanager
def running(kind: str, home: Path) -> Iterator[Settings]:
    settings: AbstractContextManager[Settings] = (
        running_redis(home) if kind == "redis" else nullcontext(Settings(home=home))
    )
    with settings as found:
        yield found.model_copy(update={"online_store": kind})


def written(home: Path) -> Path:
    directory = home / "definitions"
    directory.mkdir(exist_ok=True)
    (directory / "things.py").write_text(DEFINITIONS)
    return directory


def test_every_type_comes_back_the_same_by_both_readers(online: Online) -> None:
    online.push(row("types"))
    online.push({"thing": "types", "event_timestamp": NOON, "price": 9.5}, view="other")
    expected = {k: v for k, v in row().items() if k not in ("thing", "event_timestamp")} | {"price": 9.5}
    assert online.known("types") == expected
    assert online.served("types") == (expected, [None, None])
    assert {k: type(v) for k, v in online.served("types")[0].items()} == {k: type(v) for k, v in expected.items()}


def test_nulls_of_every_type(online: Online) -> None:
    nothing = dict.fromkeys(FEATURES["things"])
    online.push(row("nulls"))
    online.push(row("nulls", 1, **nothing), row("some", 1, count=None))
    assert online.known("nulls") == {**nothing, "price": None}
    assert online.served("nulls", 1) == (nothing, [None, "missing"])
    assert online.served("some", 1)[0] == {k: v for k, v in row().items() if k in nothing} | {"count": None}


def test_an_unknown_key_is_missing(online: Online) -> None:
    for thing in ("never seen", "", "it's\u00fc\u4e16"):
        assert online.served(thing) == ({}, ["missing", "missing"])
        assert set(online.known(thing).values()) == {None}


def test_the_newest_wins_whatever_the_order(online: Online) -> None:
    online.push(row("n", 1, count=1), row("n", 3, count=3), row("n", 2, count=2))
    online.push(row("n", 2.5, count=25))
    assert online.known("n")["count"] == online.served("n", 3)[0]["count"] == 3
    online.push(row("n", 3, count=33))  # a correction of the same moment
    assert online.known("n")["count"] == online.served("n", 3)[0]["count"] == 33
    online.push(row("n", 4, count=4))
    assert online.known("n")["count"] == online.served("n", 4)[0]["count"] == 4


def test_what_pandas_does_to_sqlite_does_not_reach_the_store(online: Online) -> None:
    """``to_sql`` registers converters of its own, for the whole process."""
    with closing(sqlite3.connect(":memory:")) as other:
        pd.DataFrame({"a": [1]}).to_sql("t", other, index=False)
    online.push(row("p", 1, count=9))
    assert online.known("p")["count"] == online.served("p", 1)[0]["count"] == 9


def test_views_of_one_key_have_times_of_their_own(online: Online) -> None:
    online.push(row("v", 5))
    online.push({"thing": "v", "event_timestamp": NOON, "price": 1.0}, view="other")
    assert online.served("v", 5)[0]["price"] == 1.0


def test_what_is_older_than_the_ttl_is_stale(online: Online) -> None:
    online.push(row("s", 0))
    online.push({"thing": "s", "event_timestamp": NOON, "price": 1.0}, view="other")
    assert online.served("s", 2)[1] == [None, None]
    assert online.served("s", 2.01) == ({"price": 1.0}, ["stale", None])
    assert online.known("s", 2)["count"] == 7
    assert online.known("s", 2.01) == {**dict.fromkeys(FEATURES["things"]), "price": 1.0}


def test_writers_at_once_leave_the_newest(online: Online) -> None:
    stores = [online.opened() for _ in range(3)]
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            for hour in range(number, 30, 3):
                rows = [row(f"c{n}", hour, count=hour) for n in range(20)]
                stores[number].push("things", pd.DataFrame(rows))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert {online.served(f"c{n}", 29)[0]["count"] for n in range(20)} == {29}


def test_a_reader_sees_what_is_written_later(online: Online) -> None:
    reader = online.reader()
    for hour in (1, 2):
        online.push(row("live", hour, count=hour))
        await_found(reader, "live", hour)


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_restart_loses_nothing(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path) as settings:
        Online(settings, written(tmp_path)).push(row("r"))
    with running(kind, tmp_path) as settings:
        again = Online(settings, written(tmp_path))
        assert again.served("r")[0]["count"] == again.known("r")["count"] == 7


def test_a_redis_that_goes_away_costs_one_time_out_and_comes_back(tmp_path: Path) -> None:
    with running("redis", tmp_path) as settings:
        online = Online(settings, written(tmp_path))
        online.push(row("away"))
        reader = online.reader(seconds=0.2)
        assert looked_up(reader, "things", "away")[1] is None
    asked: list[set] = []
    read = reader._store.read
    reader._store.read = lambda wanted: asked.append(wanted) or read(wanted)
    for _ in range(50):
        assert looked_up(reader, "things", "away") == ({}, "unavailable")
    assert len(asked) < 50
    with pytest.raises(ServiceError, match=r"did not take the rows of things \(ConnectionError") as raised:
        online.push(row("away"))
    assert raised.value.retryable
    with pytest.raises(ServiceError, match=r"did not answer for all \(ConnectionError"):
        online.known("away")

    def back() -> bool:
        return looked_up(reader, "things", "away")[1] is None

    with running_redis(tmp_path, settings.redis_port):
        wait_until(back, "the reader finding Redis again")
        assert looked_up(reader, "things", "away")[0]["count"] == 7


@pytest.mark.parametrize(("name", "error"), [("online.db", DamagedStateError), ("registry.db", NotFoundError)])
def test_a_file_that_was_emptied_is_named_and_takes_nobody_for_unknown(
    tmp_path: Path, name: str, error: type[Exception]
) -> None:
    made = Online(Settings(home=tmp_path / "made", online_store="sqlite"), written(tmp_path))
    made.push(row("t"))
    settings = Settings(home=tmp_path / "read", online_store="sqlite")
    settings.feature_store.mkdir(parents=True)
    for kept in {"online.db", "registry.db"} - {name}:
        databases = [sqlite3.connect(one.feature_store / kept) for one in (made.settings, settings)]
        with closing(databases[0]) as source, closing(databases[1]) as target:
            source.backup(target)
    emptied = settings.feature_store / name
    emptied.touch()
    with pytest.raises(error, match=str(emptied)):
        FeastFeatureStore(settings, made.definitions).online("all", [{"thing": "t"}])


def test_a_registry_that_is_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("include.adapters.feature_store.opened", "include.formats.sqlite_files"):
        monkeypatch.setattr(f"{module}.WAIT_SECONDS", 0.1)
    settings = Settings(home=tmp_path)
    settings.feature_store.mkdir(parents=True)
    registry = settings.feature_store / "registry.db"
    with closing(sqlite3.connect(registry)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ServiceError, match=f"{registry} cannot be used now .*locked") as raised:
            FeastFeatureStore(settings, written(tmp_path)).online("all", [{"thing": "t"}])
    assert raised.value.retryable


def _lookups(settings: Settings) -> int:
    """Lookups that Redis was asked for so far."""
    with closing(redis.Redis(port=settings.redis_port)) as client:
        return client.info("commandstats").get("cmdstat_hmget", {}).get("calls", 0)


def test_redis_is_asked_only_for_what_is_new_or_was_written(tmp_path: Path) -> None:
    with running("redis", tmp_path) as settings:
        online = Online(settings, written(tmp_path))
        online.push(row("a", count=1), row("b", count=1))
        reader = online.reader()

        def counts() -> list[Any]:
            return [looked_up(reader, "things", thing)[0].get("count") for thing in ("a", "b", "never seen")]

        assert counts() == [1, 1, None]
        before = _lookups(settings)
        assert [counts() for _ in range(20)] == [[1, 1, None]] * 20
        assert _lookups(settings) == before
        online.push(row("a", count=2), row("never seen", count=3))
        before = _lookups(settings)
        wait_until(lambda: counts() == [2, 1, 3], "the news of what was written")
        assert _lookups(settings) == before + 2


def test_a_reader_whose_connection_ended_keeps_nothing(tmp_path: Path) -> None:
    with running("redis", tmp_path) as settings, closing(redis.Redis(port=settings.redis_port)) as client:
        online = Online(settings, written(tmp_path))
        online.push(row("k", count=1))
        reader = online.reader()
        assert looked_up(reader, "things", "k")[0]["count"] == 1
        client.client_kill_filter(_type="normal", skipme=True)
        online.push(row("k", count=2))
        await_found(reader, "k", 2)
        client.flushall()
        await_found(reader, "k", None)
        assert looked_up(reader, "things", "k") == ({}, "missing")


def test_a_redis_that_only_falls_silent_is_noticed_though_all_is_known(tmp_path: Path) -> None:
    with running("redis", tmp_path) as settings, closing(redis.Redis(port=settings.redis_port)) as client:
        online = Online(settings, written(tmp_path))
        online.push(row("s"))
        reader = online.reader(seconds=0.2)
        assert looked_up(reader, "things", "s")[1] is None
        process = psutil.Process(client.info("server")["process_id"])
        process.suspend()
        try:
            wait_until(lambda: looked_up(reader, "things", "s") == ({}, "unavailable"), "the silence being noticed")
        finally:
            process.resume()
        wait_until(lambda: looked_up(reader, "things", "s")[1] is None, "the reader finding Redis again")


def shared(file: Path) -> bool:
    """Whether readers and writers of the file go on side by side."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@contextmanager
def held(file: Path, how: str = "") -> Iterator[sqlite3.Connection]:
    """A transaction of another process that keeps everybody out who can be kept out."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        if how:
            other.execute(f"PRAGMA {how}")
        other.execute("BEGIN EXCLUSIVE")
        yield other
        other.execute("COMMIT")


def test_a_writer_holds_up_no_lookup(tmp_path: Path) -> None:
    online = Online(Settings(home=tmp_path), written(tmp_path))
    for name in ("online.db", "registry.db"):
        assert shared(online.settings.feature_store / name)
    online.push(row("w", count=1))
    file, reader = online.settings.feature_store / "online.db", online.reader(seconds=0.1)
    with held(file) as other:
        other.execute("UPDATE moebius_things SET created_ts = 0")
        assert looked_up(reader, "things", "w")[0]["count"] == 1
        assert looked_up(online.reader(seconds=0.1), "things", "w")[0]["count"] == 1


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_lock_of_moments_is_waited_for(mode: str, tmp_path: Path) -> None:
    """A file of before, whose writers keep readers out, and one that a process has for itself."""
    online = Online(Settings(home=tmp_path), written(tmp_path))
    online.push(row("l", count=1))
    online.store._store._provider.online_store._conn.close()
    file = online.settings.feature_store / "online.db"
    with closing(sqlite3.connect(file)) as other:
        assert other.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)
    reader, asked, found = online.reader(seconds=0.1), threading.Event(), []
    read = reader._store._current
    reader._store._current = lambda wanted: asked.set() or read(wanted)
    lookup = threading.Thread(target=lambda: found.append(looked_up(reader, "things", "l")))
    with held(file, "locking_mode = EXCLUSIVE" if mode == "wal" else "") as other:
        other.execute("UPDATE moebius_things SET created_ts = 0")
        lookup.start()
        assert asked.wait(60)
    lookup.join(60)
    assert found[0][0]["count"] == 1
    assert found[0][1] is None


def test_a_lock_that_stays_is_unavailable_and_not_missing_and_its_end_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SQLITE, "BUSY_SECONDS", 0.1)
    told: list[str] = []
    monkeypatch.setattr(READER, "tell", told.append)
    online = Online(Settings(home=tmp_path), written(tmp_path))
    online.push(row("l", count=1))
    online.store._store._provider.online_store._conn.close()
    reader = online.reader(seconds=0.1)
    with held(online.settings.feature_store / "online.db", "locking_mode = EXCLUSIVE"):
        assert [looked_up(reader, "things", thing)[1] for thing in ("l", "nobody")] == ["unavailable"] * 2
    wait_until(lambda: looked_up(reader, "things", "l")[1] is None, "the end of the lock being noticed")
    assert looked_up(reader, "things", "nobody")[1] == "missing"
    assert ["locked" in told[0], "answers again" in told[1], len(told)] == [True, True, 2]


def test_a_first_lookup_on_a_full_disk_is_answered(small_disk: SmallDisk) -> None:
    online = Online(Settings(home=small_disk.path), written(small_disk.path))
    online.push(row("f", count=1))
    online.store._store._provider.online_store._conn.close()
    assert not list(online.settings.feature_store.glob("online.db-*"))
    with small_disk.full():
        reader = online.reader()
        assert looked_up(reader, "things", "f")[0]["count"] == 1
        assert looked_up(reader, "things", "nobody")[1] == "missing"
    with closing(sqlite3.connect(online.settings.feature_store / "online.db")) as other, other:
        other.execute("DELETE FROM moebius_things")
    assert looked_up(reader, "things", "f")[1] == "missing"
