"""Reads Feast's online store directly, SQLite or Redis: the serving environment has no Feast, and this is faster.

Layout (Feast 0.67, entity key serialization version 3). SQLite: one table ``<project>_<view>`` with a row per entity
key and feature: ``entity_key`` BLOB, ``feature_name``, ``value`` (a serialized ``ValueProto``), ``event_ts`` (epoch
seconds). Redis: one hash per entity key (the serialized key, then the project); a field per feature (murmur3 of
``<view>:<feature>``) and ``_ts:<view>`` (a serialized ``Timestamp``).
"""

import math
import sqlite3
import struct
import time

import mmh3
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

STRING = 2  # feast.types.ValueType.STRING
TEXT, BOOL, NULL = 2, 7, 19  # field numbers of feast.types.Value
INTEGERS = (3, 4, 8)  # int32, int64, unix_timestamp
FLOATS = {5: "<d", 6: "<f"}
DOUBLE, DOUBLE_VALUE = 5 << 3 | 1, struct.Struct("<d")  # the tag of field 5 with 8 bytes
KEPT = 100_000  # entities kept in memory at most, unknown ones included
MISSING, STALE, UNAVAILABLE = "missing", "stale", "unavailable"
AWAY = (UNAVAILABLE, None)
RETRY_SECONDS = 1.0  # after a failure, so that a store that is away costs one time-out and not one per request


def entity_key(join_key: str, value: str) -> bytes:
    """The key of one string entity, as Feast serializes it."""
    name, text = join_key.encode(), value.encode()
    return b"".join(
        (
            struct.pack("<I", 1),
            struct.pack("<I", STRING),
            struct.pack("<I", len(name)),
            name,
            struct.pack("<I", STRING),
            struct.pack("<I", len(text)),
            text,
        )
    )


def decode(value: bytes):
    """A scalar ``ValueProto``: one set field, whose number says the type; None when it is null or not set."""
    if not value:
        return None
    if value[0] == DOUBLE:  # most features are
        return DOUBLE_VALUE.unpack_from(value, 1)[0]
    tag, offset = _varint(value, 0)
    field = tag >> 3
    if field in FLOATS:
        return struct.unpack_from(FLOATS[field], value, offset)[0]
    number, offset = _varint(value, offset)
    if field == TEXT:
        return value[offset : offset + number].decode()
    if field in INTEGERS:
        return number - (1 << 64) if number >> 63 else number
    if field in (BOOL, NULL):
        return bool(number) if field == BOOL else None
    raise ValueError(f"the online store holds a value of Feast type {field}; only scalars can be served")


def timestamp(value: bytes) -> float:
    """Epoch seconds of a serialized ``google.protobuf.Timestamp``: field 1 seconds, field 2 nanoseconds."""
    parts, offset = {1: 0, 2: 0}, 0
    while offset < len(value):
        tag, offset = _varint(value, offset)
        parts[tag >> 3], offset = _varint(value, offset)
    return parts[1] + parts[2] / 1e9


def _varint(value: bytes, offset: int):
    shift = number = 0
    while True:
        byte = value[offset]
        offset += 1
        number |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return number, offset
        shift += 7


class OnlineFeatures:
    """``url``: ``sqlite:///<path>`` or ``redis://…``; ``seconds``: how long a lookup may take.

    ``views``: {view: {"key": join key, "features": [names], "freshness_hours": hours, 0 for never stale}}. May be
    asked from several threads.
    """

    def __init__(self, url: str, project: str, views: dict, seconds: float) -> None:
        kind = RedisFeatures if url.startswith(("redis://", "rediss://", "unix://")) else SqliteFeatures
        self._store = kind(url, project, views, seconds)
        self._limits = {view: declared["freshness_hours"] * 3600 or math.inf for view, declared in views.items()}
        self._nothing = {view: (None,) * len(declared["features"]) for view, declared in views.items()}
        self._away_until = 0.0

    def look_up(self, keys: dict, times: list) -> dict:
        """``keys``: {view: a key per row}; ``times``: of each row, the epoch second at which its features are asked.

        Returns {view: (values per row, in the order of the view's features; why they lack per row, or None when none
        does)}. The reasons are missing, stale and unavailable; what lacks is None.
        """
        found = self._read({(view, key) for view, column in keys.items() for key in column})
        return {view: self._of_view(found, view, column, times) for view, column in keys.items()}

    def _read(self, wanted: set) -> dict:
        """All (view, key) pairs of a batch at once; nothing when the store is away."""
        if time.monotonic() < self._away_until:
            return {}
        try:
            return self._store.read(wanted)
        except (redis.RedisError, sqlite3.Error, OSError) as error:
            self._away_until = time.monotonic() + RETRY_SECONDS
            print(f"moebius: the online store does not answer: {type(error).__name__}: {error}", flush=True)
            return {}

    def _of_view(self, found: dict, view: str, column: list, times: list) -> tuple:
        limit, nothing = self._limits[view], self._nothing[view]
        rows, reasons = [], []
        for key, at in zip(column, times):  # noqa: B905 - of one length, and this is the hot path
            values, event_time = found.get((view, key), AWAY)
            reason = values if event_time is None else STALE if at - event_time > limit else None
            rows.append(nothing if reason else values)
            reasons.append(reason)
        return rows, reasons if any(reasons) else None


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
        found = {name: decode(value) for name, value, _ in rows}
        return tuple(found.get(name) for name in self._names[view]), rows[0][2]


class RedisFeatures:
    """One round trip for a batch; what comes back as it was before is not decoded again.

    Commands go over a connection of the client's pool: its pipelines cost more than the lookup in Redis.
    """

    def __init__(self, url: str, project: str, views: dict, seconds: float) -> None:
        self._pool = redis.Redis.from_url(
            url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
        ).connection_pool
        self._project = project.encode()
        self._keys = {view: declared["key"] for view, declared in views.items()}
        self._asked = {view: _hmget(view, declared["features"]) for view, declared in views.items()}
        self._kept: dict = {}

    def read(self, wanted: set) -> dict:
        """{(view, key): (values, event time)}; (missing, None) for an entity that is not there."""
        pairs = list(wanted)
        answers = self._answers([self._command(*pair) for pair in pairs])
        if len(self._kept) > KEPT:
            self._kept = {}
        return {pair: self._decoded(pair, answer) for pair, answer in zip(pairs, answers, strict=True)}

    def _command(self, view: str, key: str) -> bytes:
        before, after = self._asked[view]
        full = entity_key(self._keys[view], key) + self._project
        return b"%b$%d\r\n%b\r\n%b" % (before, len(full), full, after)

    def _answers(self, commands: list) -> list:
        connection = self._pool.get_connection()
        try:
            connection.send_packed_command([b"".join(commands)])
            return [connection.read_response() for _ in commands]
        except BaseException:
            connection.disconnect()  # an answer that was not read would be the next request's
            raise
        finally:
            self._pool.release(connection)

    def _decoded(self, pair: tuple, answer: list) -> tuple:
        kept = self._kept.get(pair)
        if kept is None or kept[0] != answer:
            kept = self._kept[pair] = answer, _decoded(answer)
        return kept[1]


def _hmget(view: str, features: list) -> tuple:
    """What of the command (Redis protocol) comes before the key of the hash, and what after it."""
    fields = [*(_hashed(view, name) for name in features), f"_ts:{view}".encode()]
    after = b"".join(b"$%d\r\n%b\r\n" % (len(field), field) for field in fields)
    return b"*%d\r\n$5\r\nHMGET\r\n" % (2 + len(fields)), after


def _decoded(values: list) -> tuple:
    *features, stamp = values
    if stamp is None:
        return MISSING, None
    return tuple(None if value is None else decode(value) for value in features), timestamp(stamp)


def _hashed(view: str, feature: str) -> bytes:
    return struct.pack("<I", mmh3.hash(f"{view}:{feature}", signed=False))
