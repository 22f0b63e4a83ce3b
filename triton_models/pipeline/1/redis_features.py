"""Reads Feast's Redis online store, and caches values until Redis reports that they were written.

One hash per entity key (the serialized key, then the project); a field per feature (murmur3 of ``<view>:<feature>``)
and ``_ts:<view>`` (a serialized ``Timestamp``). Redis tells a connection which of the keys that it read were written
("client-side caching", Redis 6 and newer), on the same connection and in order: whatever was written before a lookup
began is seen by it, as far as the network has delivered the message.
"""

import struct
import threading
import time
from typing import Any

import mmh3
import redis
from feast_values import decode, entity_keys, timestamp
from redis.backoff import NoBackoff
from redis.retry import Retry

KEPT = 100_000  # entities kept in memory at most, unknown ones included
MISSING = "missing"
SILENCE_SECONDS = 1.0  # after so long without an answer Redis is asked for one: a broken link would tell of no write


class RedisFeatures:
    """What is not known yet is one round trip for a batch; asked from several threads, one waits for the other.

    Commands go over one connection of the library's: its pipelines and its own cache cost more than Redis does.
    """

    def __init__(self, url: str, project: str, views: dict, seconds: float) -> None:
        self._pool = redis.Redis.from_url(
            url, protocol=3, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
        ).connection_pool
        self._project = project.encode()
        self._keys = {view: entity_keys(declared) for view, declared in views.items()}
        self._asked = {view: _hmget(view, declared["features"]) for view, declared in views.items()}
        self._lock = threading.Lock()
        self._connection: Any = None
        self._kept: dict = {}  # (view, key) → (values, event time)
        self._pairs: dict = {}  # key in Redis → the (view, key) pairs kept of it
        self._heard_at = 0.0

    def read(self, wanted: set) -> dict:
        """{(view, key): (values, event time)}; (missing, None) for an entity that is not there.

        Raises redis.RedisError or OSError when Redis does not answer in time; then nothing is kept any more.
        """
        with self._lock:
            try:
                self._hear()
            except (redis.RedisError, OSError):  # it was restarted, maybe: a new connection will tell
                self._forget()
            try:
                return self._read(wanted)
            except BaseException:
                self._forget()
                raise

    def _hear(self) -> None:
        """Take in which keys were written."""
        if self._connection is None:
            return
        while self._connection.can_read():
            self._connection.read_response(push_request=True, disconnect_on_error=False)
        if time.monotonic() - self._heard_at > SILENCE_SECONDS:
            self._ask([b"*1\r\n$4\r\nPING\r\n"])
            self._answer()

    def _read(self, wanted: set) -> dict:
        values = {pair: self._kept.get(pair) for pair in wanted}
        unknown = [pair for pair, known in values.items() if known is None]
        if not unknown:
            return values
        if self._connection is None:
            self._connect()
        if len(self._kept) > KEPT:
            self._kept, self._pairs = {}, {}
        keys = [self._keys[view](key) + self._project for view, key in unknown]
        self._ask([self._command(view, key) for (view, _), key in zip(unknown, keys, strict=True)])
        for pair, key in zip(unknown, keys, strict=True):
            # kept at once: the next answer may come with the news that this key was written
            values[pair] = self._kept[pair] = _decoded(self._answer())
            self._pairs.setdefault(key, set()).add(pair)
        return values

    def _connect(self) -> None:
        self._connection = self._pool.make_connection()
        self._connection.connect()
        self._connection._parser.set_invalidation_push_handler(self._written)
        self._connection.send_command("CLIENT", "TRACKING", "ON")
        self._answer()

    def _forget(self) -> None:
        self._kept, self._pairs = {}, {}
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

    def _ask(self, commands: list) -> None:
        self._connection.send_packed_command([b"".join(commands)])

    def _answer(self):
        answer = self._connection.read_response()
        self._heard_at = time.monotonic()
        return answer

    def _written(self, message: list) -> None:
        """Redis says that these keys were written; without keys, that all are gone."""
        if message[1] is None:
            self._kept, self._pairs = {}, {}
            return
        for key in message[1]:
            for pair in self._pairs.pop(key, ()):
                self._kept.pop(pair, None)

    def _command(self, view: str, key: bytes) -> bytes:
        before, after = self._asked[view]
        return b"%b$%d\r\n%b\r\n%b" % (before, len(key), key, after)


def _hmget(view: str, features: list) -> tuple:
    """What of the command (Redis protocol) comes before the key of the hash, and what after it."""
    hashes = (mmh3.hash(f"{view}:{name}", signed=False) for name in features)
    fields = [*(struct.pack("<I", number) for number in hashes), f"_ts:{view}".encode()]
    after = b"".join(b"$%d\r\n%b\r\n" % (len(field), field) for field in fields)
    return b"*%d\r\n$5\r\nHMGET\r\n" % (2 + len(fields)), after


def _decoded(values: list) -> tuple:
    *features, stamp = values
    if stamp is None:
        return MISSING, None
    return tuple(None if value is None else decode(value) for value in features), timestamp(stamp)
