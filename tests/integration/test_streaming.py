"""The speed layer on a real Redis: kills and restarts lose and double nothing; the batch agrees, or it shows."""

import json
import multiprocessing
import random
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
import redis
from pydantic import SecretStr

from include.adapters import redis_server
from include.adapters.event_stream import RedisEventStream
from include.adapters.feature_store import FeastFeatureStore
from include.adapters.stream_metrics import StreamMetrics
from include.contracts.period import Period
from include.contracts.streaming import KeptEvent, StreamChange, StreamEntry, StreamWindow
from include.data import staging, versioning
from include.demo.world import Feed, raw_events
from include.errors import NotFoundError, ServiceError
from include.loop import data_pipeline, dead_letters, stream_reconciliation
from include.processes import consumer
from include.records.registry import RECONCILIATION
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.streaming import reconciliation
from include.streaming.events import MAX_DELIVERIES
from include.streaming.speed_layer import SpeedLayer
from include.usecases import nycflights
from include.usecases.flight_delay import features
from tests.integration.metrics_server_fixtures import wait_until
from tests.integration.ports import free_port
from tests.integration.privacy_fixtures import KEYS
from tests.integration.redis_fixtures import redis_settings, running_redis  # noqa: F401

pytestmark = pytest.mark.integration
SPEC, VIEW = load_usecase("flight_delay"), "airport_weather"
WINDOW = SPEC.streams[VIEW].window_hours
FEBRUARY = Period("2013-02")
MONTHS = [Period("2013-01"), Period("2013-02"), Period("2013-03")]


def open_stream(settings: Settings, limit: int = 10_000) -> RedisEventStream:
    stream = RedisEventStream(settings.redis_address, SPEC.name, VIEW, limit)
    stream.open()
    return stream


@pytest.fixture
def stream(redis_settings: Settings) -> Iterator[RedisEventStream]:  # noqa: F811
    stream = open_stream(redis_settings)
    yield stream
    stream.close()


@pytest.fixture(scope="module")
def store_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("store")
    FeastFeatureStore(Settings(home=home)).apply()
    return home


@pytest.fixture
def layer(stream: RedisEventStream, store_home: Path) -> SpeedLayer:
    return SpeedLayer(SPEC, VIEW, stream, FeastFeatureStore(Settings(home=store_home)))


def drain(layer: SpeedLayer, stream: RedisEventStream) -> None:
    while entries := stream.take("test", 500, 0.05):
        layer.handle(entries)


# -- the batch agrees, or it shows


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """January and February published, Redis running, nothing streamed yet."""
    with running_redis(tmp_path_factory.mktemp("world")) as settings:
        services = Services(settings.model_copy(update={"pseudonym_keys": SecretStr(KEYS)}))
        services.adapters.feature_store.apply()
        for month in (Period("2013-01"), FEBRUARY):
            at = (SPEC, services, month, month)
            data_pipeline.collect(*at)
            data_pipeline.build_features(*at)
            staging.mark_passed(services.places.staging(SPEC, month))  # the gates have tests of their own
            data_pipeline.publish(*at)
        yield services


def test_a_replayed_month_reconciles_and_a_wrong_a_missing_and_a_surplus_event_show(world: Services) -> None:
    stream = world.adapters.event_stream(SPEC, VIEW)
    stream.open()
    layer = SpeedLayer(SPEC, VIEW, stream, world.adapters.feature_store)
    feed = Feed.of(SPEC, world, VIEW, [FEBRUARY])
    for hour in pd.date_range("2013-02-01", "2013-03-03", freq="5D", tz="UTC"):
        feed.publish(hour)
        drain(layer, stream)
    assert feed.sent == len(feed.events)

    (clean,) = stream_reconciliation.reconcile(SPEC, world, FEBRUARY)
    assert clean.equal == len(
        versioning.read(
            versioning.snapshot(Period("2013-02"), world.records.snapshots(SPEC)), VIEW, world.adapters.lake
        )
    )
    assert (clean.differing, clean.only_speed, clean.only_batch) == (0, 0, 0)

    last = [e for e in feed.events if e["origin"] == "EWR"][-12:]
    stream.publish([last[-1] | {"temp": last[-1]["temp"] + 2.5}])
    drain(layer, stream)
    (wrong,) = stream_reconciliation.reconcile(SPEC, world, FEBRUARY)
    assert (wrong.equal, wrong.differing, wrong.features) == (clean.equal - 1, 1, {"temp": 1})
    assert wrong.largest["temp"] == pytest.approx(2.5)
    assert world.records.reconciliations(SPEC) == [wrong], "the newest result of the month counts"
    assert [row.record for row in RECONCILIATION.read(SPEC.name, world.adapters.lake)] == [clean, wrong]

    surplus = pd.Timestamp(last[5]["time_hour"]) + pd.Timedelta(minutes=30)
    stream.publish([last[5] | {"time_hour": surplus.isoformat()}])
    drain(layer, stream)
    (more,) = stream_reconciliation.reconcile(SPEC, world, FEBRUARY)
    assert (more.only_speed, more.only_batch) == (1, 0)

    stream._client.hdel(
        f"{stream._prefix}:pushed:2013-02", json.dumps(["JFK", pd.Timestamp("2013-02-10T05:00Z").isoformat()])
    )
    (less,) = stream_reconciliation.reconcile(SPEC, world, FEBRUARY)
    assert less.only_batch == 1
    with pytest.raises(NotFoundError, match="2013-03 is not published"):
        stream_reconciliation.reconcile(SPEC, world, Period("2013-03"))

    stream.forget(before=Period("2013-04"))
    assert stream_reconciliation.reconcile(SPEC, world, FEBRUARY) == []
    assert world.records.reconciliations(SPEC) == [less], "what the stream cannot support any more replaces nothing"


def test_what_the_consumer_made_online_is_what_the_batch_has(world: Services) -> None:
    batch = versioning.read(
        versioning.snapshot(Period("2013-02"), world.records.snapshots(SPEC)), VIEW, world.adapters.lake
    ).to_pandas()
    newest = batch[batch.origin == "JFK"].sort_values("event_timestamp").iloc[-1]
    (online,) = world.adapters.feature_store.online(SPEC.feature_service, [{"origin": "JFK", "tailnum": ""}])
    assert {n: online[n] for n in features.READINGS if n in online} == {
        n: None if pd.isna(newest[n]) else newest[n] for n in features.READINGS if n in online
    }


# -- kill -9


def expected_rows(events: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows by the batch's expressions on all events at once, from the first full window on."""
    raw = pd.DataFrame(events)
    rows = features._airport_weather(nycflights.weather(ibis.memtable(raw), features.READINGS), None).to_pandas()
    since = raw.assign(t=pd.to_datetime(raw.time_hour)).groupby("origin").t.min()
    rows = rows[rows.event_timestamp >= rows.origin.map(since) + pd.Timedelta(hours=WINDOW + 1)]
    records = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in rows.to_dict("records")]
    return {(r["origin"], r["event_timestamp"].isoformat()): r for r in records}


def pushed_rows(stream: RedisEventStream) -> dict[tuple[str, str], dict[str, Any]]:
    rows = [json.loads(row) for month in MONTHS for row in stream.pushed(month)]
    found = {(r["origin"], r["event_timestamp"]): r for r in rows}
    assert len(found) == len(rows)
    return {key: row | {"event_timestamp": pd.Timestamp(row["event_timestamp"])} for key, row in found.items()}


PRELOADED = [
    "feast.infra.online_stores.sqlite",
    "feast.infra.passthrough_provider",
    "feast.infra.registry.sql",
    "include.adapters.asof.store",
    "include.adapters.event_stream",
    "include.streaming.speed_layer",
    "include.processes.consumer",
]


class Consumers:
    """Real consumer processes, forked from a server that has the heavy imports already."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.killed = settings, 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self.running: list[Any] = []

    def start(self) -> None:
        process = self._context.Process(target=consumer.main, args=(self.settings,), daemon=True)
        process.start()
        self.running.append(process)

    def kill(self, process: Any) -> None:
        process.kill()
        process.join()
        self.running.remove(process)
        self.killed += 1

    def stop(self) -> None:
        for process in self.running:
            wait_until(lambda p=process: _hears_sigterm(p.pid), "a consumer that began")  # type: ignore[misc]
            process.terminate()
            wait_until(lambda p=process: not p.is_alive(), "a consumer that ends", 60)  # type: ignore[misc]
            assert process.exitcode == 0, "a consumer that is asked to stop ends well"


def _hears_sigterm(pid: int) -> bool:
    """Whether the process handles it by now: before, it is the end."""
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def _is_written(stream: RedisEventStream) -> bool:
    """Whether Redis wrote all that it acknowledged: while the disk is busy it keeps that for up to two seconds."""
    return stream._client.info("persistence")["aof_buffer_length"] == 0


def test_killed_consumers_and_a_restarted_redis_lose_and_double_nothing(tmp_path: Path) -> None:
    home = tmp_path
    FeastFeatureStore(Settings(home=home)).apply()
    events = raw_events(SPEC, Services(Settings(home=home)), FEBRUARY, VIEW)[:420]
    dice = random.Random(3)
    port = free_port()
    settings = Settings(home=home, redis_port=port, stream_port=0, stream_batch=15, stream_claim_seconds=0.4)
    redis_server.directory(settings).mkdir()
    start_redis = lambda: subprocess.Popen(redis_server.command(settings), stdout=subprocess.DEVNULL)  # noqa: E731
    server = start_redis()
    consumers = Consumers(settings)
    try:
        wait_until(lambda: redis_server.ready(settings.redis_address), "Redis being ready")
        stream = open_stream(settings)
        consumers.start()
        consumers.start()
        for first in range(0, len(events), 70):
            batch = events[first : first + 70]
            stream.publish(batch + dice.sample(batch, 5))
            before = max(1, stream.backlog())  # all may be done by now
            wait_until(lambda b=before: stream.backlog() < b, "a consumer being at work")  # type: ignore[misc]
            consumers.kill(dice.choice(consumers.running))
            consumers.start()
            if first == 210:
                wait_until(lambda: _is_written(stream), "what was published being in Redis' file")
                server.kill()
                server.wait()
                server = start_redis()
                wait_until(lambda: redis_server.ready(settings.redis_address), "Redis being back")
        wait_until(lambda: stream.backlog() == 0, "every event being done", seconds=60)
        consumers.stop()
        assert consumers.killed == 6
        assert stream.dead_letters() == []
        assert pushed_rows(stream) == expected_rows(events)
        stream.close()
    finally:
        for process in consumers.running:
            process.kill()
        server.terminate()
        server.wait(timeout=120)


# -- the stream itself


def one(n: int) -> dict[str, int]:
    return {"n": n}


def finish(stream: RedisEventStream, entries: list[StreamEntry], dead: dict[str, str] | None = None) -> None:
    stream.commit(entries, dead or {}, [], lambda *_: StreamChange())


def test_producers_wait_while_the_consumer_is_behind(redis_settings: Settings) -> None:  # noqa: F811
    stream, most = open_stream(redis_settings, limit=10), []
    with pytest.raises(
        ServiceError, match=r"10 events are unprocessed \(limit 10\) and 2 could not be .* consumer runs"
    ):
        stream.publish([one(n) for n in range(12)], patience=0.05)

    def work() -> None:
        done = 0
        while done < 70:
            most.append(stream.backlog())
            entries = stream.take("worker", 4, 0.2)
            finish(stream, entries)
            done += len(entries)

    worker = threading.Thread(target=work)
    worker.start()
    stream.publish([one(n) for n in range(100, 160)])
    worker.join()
    assert stream.backlog() == 0
    assert max(most) <= 10
    stream.close()


def test_what_an_earlier_version_left_is_forgotten_in_time_and_tells_its_newest_event(redis_settings: Settings) -> None:  # noqa: F811
    """It wrote neither the set of periods nor the newest time."""
    first = open_stream(redis_settings)
    change = StreamChange(
        windows={"EWR": StreamWindow(since=1.0, newest=7200.0, events={})},
        rows={Period("2013-01"): {"a": "{}"}, Period("2013-04"): {"b": "{}"}},
    )
    first.commit([], {}, ["EWR"], lambda windows, oldest: change)
    first._client.delete(first._periods, first._times)
    second = open_stream(redis_settings)
    assert second.newest() == datetime.fromtimestamp(7200, UTC)
    second.forget(before=Period("2013-04"))
    assert [second.pushed(Period(period)) for period in ("2013-01", "2013-04")] == [[], ["{}"]]
    first.close()
    second.close()


def test_an_event_that_kills_its_consumers_ends_alone_and_aside(stream: RedisEventStream) -> None:
    stream.publish([one(n) for n in range(40)])
    deaths, handed = 0, stream.take("first", 40, 1)
    while handed:
        if any(e.deliveries > MAX_DELIVERIES for e in handed):
            assert [e.text for e in handed] == [json.dumps(one(17))]
            finish(stream, handed, {handed[0].id: "deadly"})
        elif any(json.loads(e.text) == one(17) for e in handed):
            deaths += 1
        else:
            finish(stream, handed)
        wait_until(lambda: _idle(stream) or stream.backlog() == 0, "the silence of a dead consumer")
        handed = stream.reclaim("next", 40, 0.01)
    assert (deaths, stream.backlog()) == (MAX_DELIVERIES, 0)
    assert [letter.text for letter in stream.dead_letters()] == [json.dumps(one(17))]


def _idle(stream: RedisEventStream) -> bool:
    return bool(stream._client.xpending_range(stream._events, "speed-layer", "-", "+", 1, idle=10))


def test_a_live_consumer_keeps_what_it_holds(stream: RedisEventStream) -> None:
    stream.publish([one(1)])
    entries = stream.take("alive", 5, 1)
    wait_until(lambda: _idle(stream), "some silence")
    stream.hold("alive", entries)
    assert stream.reclaim("other", 5, 600.0) == []


def test_what_was_finished_twice_is_finished_once(stream: RedisEventStream) -> None:
    stream.publish([one(1), one(2)])
    entries = stream.take("slow", 5, 1)
    wait_until(lambda: _idle(stream), "some silence")
    assert [e.id for e in stream.reclaim("other", 5, 0.005)] == [e.id for e in entries]
    for _ in range(2):
        finish(stream, entries, {entries[0].id: "unusable"})
    assert (stream.backlog(), len(stream.dead_letters())) == (0, 1)


def test_the_window_that_has_an_event_is_found_by_the_id_also_after_an_upgrade(redis_settings: Settings) -> None:  # noqa: F811
    stream = open_stream(redis_settings)
    kept = KeptEvent(entry="1-1", time=0.0, event={})
    ewr = StreamWindow(since=0.0, newest=0.0, events={"a": kept})
    pushed = {Period("2013-01"): {"row a": "{}", "row b": "{}"}}
    stream.commit([], {}, ["EWR"], lambda *_: StreamChange(windows={"EWR": ewr}, rows=pushed, homes={"a": "EWR"}))

    def seen(of: RedisEventStream, **change: Any) -> list[str]:
        read: list[str] = []
        of.commit([], {}, ["JFK"], lambda windows, _: read.extend(windows) or StreamChange(**change), ids=["a", "z"])
        return read

    assert seen(stream) == ["EWR"]
    stream._client.delete(stream._homes)
    upgraded = open_stream(redis_settings)
    assert seen(upgraded, left=["a"], gone={Period("2013-01"): ["row a"]}) == ["EWR"]
    assert upgraded.pushed(Period("2013-01")) == ["{}"]
    assert seen(upgraded) == []
    stream.close()
    upgraded.close()


def test_of_two_that_change_a_window_the_second_decides_again(stream: RedisEventStream) -> None:
    asked: Counter[str] = Counter()

    def decide(who: str, meanwhile: Any = None) -> Any:
        def inner(windows: dict[str, StreamWindow], _: str) -> StreamChange:
            asked[who] += 1
            if meanwhile and asked[who] == 1:
                meanwhile()
            since = windows["k"].since + 1 if "k" in windows else 0.0
            return StreamChange(windows={"k": StreamWindow(since=since, newest=0, events={})})

        return inner

    other = lambda: stream.commit([], {}, ["k"], decide("other"))  # noqa: E731
    change = stream.commit([], {}, ["k"], decide("mine", other))
    assert asked == {"mine": 2, "other": 1}
    assert change.windows["k"].since == 1


def test_dead_letters_are_replayed_or_dropped(layer: SpeedLayer, redis_settings: Settings) -> None:  # noqa: F811
    stream, services = layer.stream, Services(redis_settings)
    stream.publish([{"origin": "EWR"}, one(2)])
    drain(layer, stream)  # type: ignore[arg-type]
    assert [letter.text for letter in stream.dead_letters()] == [json.dumps({"origin": "EWR"}), json.dumps(one(2))]
    assert dead_letters.settle(SPEC, services, VIEW, "replay") == 2
    assert (stream.backlog(), stream.dead_letters()) == (2, [])
    drain(layer, stream)  # type: ignore[arg-type]
    assert dead_letters.settle(SPEC, services, VIEW, "drop") == 2
    assert (stream.backlog(), stream.dead_letters()) == (0, [])
    with pytest.raises(NotFoundError, match=r"no stream 'nothing'; it has \['airport_weather'\]"):
        dead_letters.settle(SPEC, services, "nothing", "drop")


def test_a_redis_that_is_away_is_named() -> None:
    gone = RedisEventStream(f"redis://user:secret@127.0.0.1:{free_port()}/0", SPEC.name, VIEW)
    with pytest.raises(
        ServiceError, match=r"Redis at 127\.0\.0\.1:\d+/0 did not answer as expected: ConnectionError"
    ) as raised:
        gone.backlog()
    assert "secret" not in str(raised.value)


# -- the process


def test_the_consumer_says_what_it_does(redis_settings: Settings, store_home: Path) -> None:  # noqa: F811
    settings = redis_settings.model_copy(update={"home": store_home, "stream_claim_seconds": 0.2})
    metrics, stop = StreamMetrics(), threading.Event()
    at_work = consumer.Consumer(SPEC, VIEW, settings, metrics, stop)
    thread = threading.Thread(target=at_work.run)
    thread.start()
    try:
        stream = open_stream(settings)
        hours = pd.date_range("2013-06-01", periods=WINDOW + 2, freq="h", tz="UTC")
        reading = dict.fromkeys(features.READINGS, 1.0)
        stream.publish([{"origin": "EWR", "time_hour": hour.isoformat()} | reading for hour in hours])
        stream.publish([{"origin": "EWR"}])
        stream.await_done()
        counted = "moebius_stream_delay_seconds_count"  # after all others
        wait_until(lambda: samples(metrics)[counted] == len(hours) + 1, "the last being counted")
        found = samples(metrics)
        assert found["moebius_stream_rows_total"] == 2
        assert found["moebius_stream_buried_events_total"] == found["moebius_stream_dead_letters"] == 1
        assert found[counted] == found["moebius_stream_events_total"] == len(hours) + 1
        assert found["moebius_stream_backlog"] == found["moebius_stream_failures_total"] == 0
    finally:
        stop.set()
        thread.join()
    assert stream._client.xinfo_consumers(stream._events, "speed-layer") == []
    stream.close()


def samples(metrics: StreamMetrics) -> dict[str, float]:
    """Of a scrape that could read the stream: each waits a quarter of a second for it."""
    found: dict[str, float] = {}

    def complete() -> bool:
        found.clear()
        found.update({s.name: s.value for metric in metrics.registry.collect() for s in metric.samples})
        return found["moebius_stream_up"] == 1

    wait_until(complete, "a scrape that reads the stream")
    return found


# -- what cannot be read stops nothing


def weather(hour: int, origin: str = "EWR") -> dict[str, Any]:
    moment = (pd.Timestamp("2013-03-01", tz="UTC") + pd.Timedelta(hours=hour)).isoformat()
    return {"origin": origin, "time_hour": moment} | dict.fromkeys(features.READINGS, 1.0)


def test_entries_and_windows_that_cannot_be_read_are_put_aside_and_the_rest_goes_on(
    layer: SpeedLayer, stream: RedisEventStream
) -> None:
    stream.publish([weather(1), weather(2)])
    drain(layer, stream)
    raw = redis.Redis.from_url(stream._url)
    raw.hset(stream._windows, "JFK", '{"since": 1, "of": "another version"}')
    raw.hset(stream._windows, "LGA", b"\xff\xfe")
    raw.xadd(stream._events, {"event": b'{"origin": "\xff\xfe"}'})
    raw.xadd(stream._events, {"event": json.dumps(weather(3)).encode().replace(b"EWR", b"\\\xff")})
    raw.xadd(stream._events, {"another": "field"})
    raw.xadd(stream._events, {"event": b"\x00" * 10})
    stream.publish([weather(3), weather(4, "JFK"), weather(4, "LGA")])
    raw.xadd(stream._results, {"another": "field"})
    raw.xadd(stream._results, {"result": b"\xff"})
    drain(layer, stream)
    raw.close()
    assert stream.backlog() == 0
    reasons = Counter(letter.reason.partition(":")[0] for letter in stream.dead_letters())
    assert reasons == {"breaks the contract": 4, "a window that cannot be read; its key starts again": 2}
    windows = stream._client.hgetall(stream._windows)
    kept = {key: len(StreamWindow.model_validate_json(text).events) for key, text in windows.items()}
    assert kept == {"EWR": 3, "JFK": 1, "LGA": 1}
    assert stream.newest() is not None
    assert stream.results() == []


def test_a_broken_window_and_a_pushed_row_that_is_none_go_to_the_dead_letters(
    layer: SpeedLayer, stream: RedisEventStream
) -> None:
    stream.publish([weather(hour) for hour in range(WINDOW + 2)])
    drain(layer, stream)
    raw, key = redis.Redis.from_url(stream._url), f"{stream._prefix}:pushed:2013-03"
    stored = json.loads(raw.hget(stream._windows, "EWR") or b"{}")
    last = next(reversed(stored["events"].values()))
    raw.hset(
        stream._windows, "EWR", json.dumps(stored).replace(json.dumps(last), json.dumps(last).replace("1.0", '"warm"'))
    )
    stream.publish([weather(WINDOW + 2)])
    drain(layer, stream)
    assert [letter.reason.partition(" (")[0] for letter in stream.dead_letters()] == [
        "a window that computes no features"
    ]
    assert stream.backlog() == 0

    rows = stream.pushed(Period("2013-03"))
    for name, text in (("bytes", b'{"origin": "\xff"}'), ("time", b'{"event_timestamp": "1362096000"}')):
        raw.hset(key, name, text)
    batch = pd.DataFrame([json.loads(row) for row in rows])
    batch["event_timestamp"] = pd.to_datetime(batch["event_timestamp"], utc=True)
    for _ in range(2):
        result = reconciliation.reconcile(SPEC, VIEW, Period("2013-03"), batch, stream)
        assert (result.equal, result.differing, result.only_batch, result.only_speed) == (2, 0, 0, 0)
    assert raw.hlen(key) == 2
    reasons = [letter.reason for letter in stream.dead_letters()[1:]]
    assert all(reason.startswith("a pushed row that cannot be read: ") for reason in reasons)
    assert 'not UTF-8: {"origin": "\\xff"}' in {letter.text for letter in stream.dead_letters()}


def test_an_entry_that_is_no_utf8_is_handed_over_when_its_consumer_died(
    layer: SpeedLayer, stream: RedisEventStream
) -> None:
    raw = redis.Redis.from_url(stream._url)
    raw.xadd(stream._events, {"event": b"\xff\xfe"})
    raw.close()
    assert len(stream.take("first", 10, 0.05)) == 1
    wait_until(lambda: bool(stream.reclaim("second", 10, 0.01)), "handed over")
    layer.handle(stream.reclaim("third", 10, 0))
    assert (stream.backlog(), stream.dead_count()) == (0, 1)


def test_no_events_finish_nothing(layer: SpeedLayer, stream: RedisEventStream) -> None:
    assert stream.take("test", 10, 0.01) == []
    assert layer.handle([]).events == 0
    stream.answer([], {}, {})
