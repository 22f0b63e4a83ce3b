"""Deletion and rotation in a real Redis: features that Feast wrote, what streams keep, and the server's own files."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from pydantic import SecretStr
from redis import Redis

from include.adapters.event_stream import RedisEventStream
from include.contracts.period import Period
from include.contracts.pseudonyms import KeyRing, reference
from include.contracts.streaming import KeptEvent, StreamChange, StreamWindow
from include.errors import ServiceError
from include.governance import erasure
from include.governance.mentions import Mentions
from include.governance.traces import Matcher, search
from include.loop import key_rotation, subject_deletion
from include.services.composition import Services
from include.settings import Settings
from tests.integration.ports import free_port
from tests.integration.privacy_fixtures import BOTH, KEYS, private_spec
from tests.integration.redis_fixtures import redis_settings  # noqa: F401
from tests.integration.test_online_stores import READER

pytestmark = pytest.mark.integration
SPEC, VIEW = private_spec(), "airport_weather"
OLD, NEW = KeyRing.parse(KEYS), KeyRing.parse(BOTH)
MINE, THEIRS = OLD.token("N14228"), OLD.token("N24211")
NOON = pd.Timestamp("2013-01-05T12:00Z")
AIRCRAFT = {"aircraft": {"key": "tailnum", "features": ["seats", "engines"], "freshness_hours": 0}}


def services_of(settings: Settings, keys: str = KEYS, online: str = "redis") -> Services:
    return Services(settings.model_copy(update={"online_store": online, "pseudonym_keys": SecretStr(keys)}))


@pytest.fixture
def services(redis_settings: Settings, request: pytest.FixtureRequest) -> Services:  # noqa: F811
    """Two planes online, and in a table of the lake."""
    services = services_of(redis_settings, online=getattr(request, "param", "redis"))
    services.adapters.feature_store.apply()
    planes = [
        {"tailnum": t, "year_built": 1999.0, "seats": s, "engines": 2.0} for t, s in ((MINE, 55.0), (THEIRS, 9.0))
    ]
    services.adapters.feature_store.push("aircraft", pd.DataFrame(planes).assign(event_timestamp=NOON))
    log = {"tailnum": [MINE, THEIRS], "period": ["2013-01"] * 2}
    services.adapters.lake.append(SPEC.name, "predictions", pa.table(log))
    return services


def seats(services: Services, *tokens: str) -> list[float | None]:
    """As the model server reads them."""
    settings = services.settings
    reader = READER.OnlineFeatures(settings.online_store_url, settings.feature_project, AIRCRAFT, 60.0)
    rows, _ = reader.look_up({"aircraft": list(tokens)}, [NOON.timestamp()] * len(tokens))["aircraft"]
    return [row[AIRCRAFT["aircraft"]["features"].index("seats")] for row in rows]


@pytest.mark.parametrize("services", ["sqlite", "redis"], indirect=True)
def test_a_rotation_serves_both_tokens_meanwhile_and_keeps_what_is_newer(services: Services) -> None:
    line = erasure.renew_line(NEW)
    place = "redis/online" if services.settings.online_store == "redis" else "feature_store/online"
    assert services.adapters.online_copies(SPEC).copy(line)[place] == 6
    assert seats(services, MINE, NEW.token("N14228"), THEIRS) == [55.0, 55.0, 9.0]
    newer = {"tailnum": [NEW.token("N14228")], "year_built": 1999.0, "seats": 60.0, "engines": 2.0}
    services.adapters.feature_store.push(
        "aircraft", pd.DataFrame(newer).assign(event_timestamp=NOON + pd.Timedelta(days=1))
    )
    services.adapters.online_copies(SPEC).copy(line)
    assert services.adapters.online_copies(SPEC).delete(line) == {place: 6}
    assert seats(services, MINE, NEW.token("N14228"), NEW.token("N24211")) == [None, 60.0, 9.0]


def test_another_environments_features_in_the_same_redis_are_left_alone(services: Services) -> None:
    with Redis.from_url(services.settings.redis_address) as client:
        (mine,) = [key for key in client.scan_iter() if MINE.encode() in key]
        client.hset(mine + b"_dev", mapping=client.hgetall(mine))
        assert services.adapters.online_copies(SPEC).delete(Mentions([MINE], "tailnum").blank) == {"redis/online": 3}
        assert (client.exists(mine), client.exists(mine + b"_dev")) == (0, 1)


def test_a_whole_rotation_and_a_whole_deletion_leave_nothing_not_even_in_the_servers_files(services: Services) -> None:
    both = services_of(services.settings, BOTH)
    assert key_rotation.rotate(SPEC, both, "an operator") == {"lake/predictions": 2, "redis/online": 6}
    assert key_rotation.rotate(SPEC, both, "an operator") == {}
    mine, theirs = NEW.token("N14228"), NEW.token("N24211")
    assert seats(both, MINE, mine, theirs) == [None, 55.0, 9.0]
    append_only = services.settings.home / "redis"
    assert search(append_only, Matcher([MINE, THEIRS])) == []
    services.adapters.lake.append(SPEC.name, "more", pa.table({"tailnum": [theirs], "period": ["2013-01"]}))
    _put_into_dead_letters(both, tailnum="N14228")
    went = subject_deletion.delete(SPEC, both, reference(mine), "asked by letter", "an operator")
    assert went == {"lake/predictions": 1, "redis/online": 3, f"redis/moebius:{SPEC.name}:{VIEW}:dead": 1}
    assert seats(both, mine, theirs) == [None, 9.0]
    assert search(services.settings.home, Matcher([mine, MINE, "N14228"]), ["tailnum"]) == []
    assert subject_deletion.delete(SPEC, both, reference(mine), "asked again", "an operator") == {}


def test_a_redis_that_is_needed_and_away_stops_a_deletion(tmp_path: Path) -> None:
    away = services_of(Settings(home=tmp_path, redis_port=free_port()))
    with pytest.raises(ServiceError, match="Redis did not answer"):
        subject_deletion.delete(SPEC, away, reference(MINE), "asked", "me")


def _put_into_dead_letters(services: Services, **fields: str) -> None:
    stream = RedisEventStream(services.settings.redis_address, SPEC.name, VIEW)
    stream.open()
    stream.publish([fields])
    (entry,) = stream.take("one", 1, 1)
    stream.commit([entry], {entry.id: "breaks the contract"}, [], lambda *_: StreamChange())
    stream.close()


@pytest.fixture
def stream(redis_settings: Settings) -> Iterator[RedisEventStream]:  # noqa: F811
    """Five events, of which three are with a consumer; windows, pushed rows and dead letters; half are of MINE."""
    stream = RedisEventStream(redis_settings.redis_address, SPEC.name, VIEW)
    stream.open()
    stream.publish([{"of": MINE, "n": 0}, {"of": THEIRS, "n": 1}])
    for entry in stream.take("one", 2, 1):
        stream.commit([entry], {entry.id: "breaks the contract"}, [], lambda *_: StreamChange())
    kept = {MINE: KeptEvent(entry="1-1", time=1.0, event={}), "other": KeptEvent(entry="1-2", time=2.0, event={})}
    windows = {key: StreamWindow(since=0.0, newest=2.0, events=kept) for key in (MINE, "EWR")}
    rows = {"2013-01": {f"{of}|1": json.dumps({"of": of}) for of in (MINE, THEIRS)}}
    stream.commit([], {}, [], lambda *_: StreamChange(windows=windows, rows=rows, homes={MINE: "EWR", "other": "EWR"}))
    stream.publish([{"of": of, "n": n} for n, of in enumerate((MINE, THEIRS, THEIRS, MINE, THEIRS), 2)])
    stream.take("one", 3, 1)
    yield stream
    stream.close()


def left(stream: RedisEventStream) -> list[int]:
    """Numbers of all unfinished events: first those that were in a consumer's hands, then the others."""
    begun, rest = stream.reclaim("two", 10, 0.0), stream.take("two", 10, 0.01)
    assert [e.deliveries for e in begun] == [2] * len(begun)
    return [json.loads(entry.text)["n"] for entry in [*begun, *rest]]


def test_a_subject_leaves_the_streams_and_the_other_events_keep_their_place(
    stream: RedisEventStream,
    redis_settings: Settings,  # noqa: F811
) -> None:
    services, line = services_of(redis_settings), Mentions([MINE], "tailnum").blank
    with Redis.from_url(redis_settings.redis_address) as client:
        before = dict(client.xrange(f"moebius:{SPEC.name}:{VIEW}:events"))
        assert MINE in services.adapters.online_copies(SPEC).values("of")
        changed = {
            c.place.rsplit(f"{VIEW}:")[1]: c.before for c in services.adapters.online_copies(SPEC).erase_streamed(line)
        }
        assert changed == {"dead": 1, "events": 2, "homes": 1, "pushed:2013-01": 1, "windows": 2}
        after = dict(client.xrange(f"moebius:{SPEC.name}:{VIEW}:events"))
        assert after == {place: fields for place, fields in before.items() if MINE.encode() not in fields[b"event"]}
        window = StreamWindow.model_validate_json(client.hget(f"moebius:{SPEC.name}:{VIEW}:windows", "EWR") or "")
        assert (list(window.events), window.newest) == (["other"], 2.0)
    assert [json.loads(row)["of"] for row in stream.pushed(Period("2013-01"))] == [THEIRS]
    assert [json.loads(letter.text)["n"] for letter in stream.dead_letters()] == [1]
    assert services.adapters.online_copies(SPEC).erase_streamed(line) == []
    services.adapters.online_copies(SPEC).forget()
    assert search(redis_settings.home / "redis", Matcher([MINE])) == []
    assert left(stream) == [3, 4, 6]
    stream.publish([{"n": 7}])
    (entry,) = stream.take("three", 5, 1)
    assert json.loads(entry.text) == {"n": 7}


def test_tokens_on_streams_are_renewed_in_their_place(
    stream: RedisEventStream,
    redis_settings: Settings,  # noqa: F811
) -> None:
    services, line = services_of(redis_settings, BOTH), erasure.renew_line(NEW)
    changed = {
        c.place.rsplit(f"{VIEW}:")[1]: c.after for c in services.adapters.online_copies(SPEC).renew_streamed(line)
    }
    assert changed == {"dead": 2, "events": 5, "homes": 1, "pushed:2013-01": 2, "windows": 2}
    services.adapters.online_copies(SPEC).forget()
    assert search(redis_settings.home / "redis", Matcher([MINE, THEIRS])) == []
    assert {json.loads(row)["of"] for row in stream.pushed(Period("2013-01"))} == {NEW.renew(MINE), NEW.renew(THEIRS)}
    seen: list[dict[str, StreamWindow]] = []
    stream.commit([], {}, [NEW.renew(MINE)], lambda windows, _: seen.append(windows) or StreamChange())
    assert NEW.renew(MINE) in seen[0][NEW.renew(MINE)].events
    assert left(stream) == [2, 3, 4, 5, 6]


def test_an_emptied_stream_goes_on(redis_settings: Settings) -> None:  # noqa: F811
    stream = RedisEventStream(redis_settings.redis_address, SPEC.name, VIEW)
    stream.open()
    stream.publish([{"of": MINE}])
    services_of(redis_settings).adapters.online_copies(SPEC).erase_streamed(Mentions([MINE], "tailnum").blank)
    assert stream.backlog() == 0
    stream.publish([{"of": THEIRS}])
    (entry,) = stream.take("one", 5, 1)
    assert json.loads(entry.text) == {"of": THEIRS}
    stream.close()


@pytest.mark.parametrize(
    ("column", "value", "named"), [("who", "Änne", True), ("who", "Ännes", False), ("city", "Änne", False)]
)
def test_a_key_of_the_online_store_names_a_subject_in_clear_by_its_column(column: str, value: str, named: bool) -> None:
    key = serialize_entity_key(EntityKey(join_keys=[column], entity_values=[Value(string_val=value)]), 3)
    assert (Mentions(["Änne"], "who").blank(key) != key) is named
