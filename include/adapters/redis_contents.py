"""All keys and values of a Redis as bytes, for searches that must be complete."""

import time
from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from include.errors import ServiceError, service_error_of

PATIENCE = 600.0  # seconds for writing the append-only file


class RedisContents:
    """``needed``: without this server the platform does not work, so one that is away is an error."""

    def __init__(self, url: str, needed: bool) -> None:
        self._client: Any = Redis.from_url(url, socket_timeout=10)
        self._needed = needed

    def runs(self) -> bool:
        try:
            return bool(self._client.ping())
        except RedisError as error:
            if self._needed:
                raise ServiceError("Redis did not answer; start it, or run the task again") from error
            return False

    def contents(self) -> Iterator[tuple[str, bytes]]:
        with service_error_of(RedisError, "Redis did not answer; start it, or run the task again ({})"):
            for key in self._client.scan_iter(count=1000):
                kind = self._client.type(key).decode()
                yield kind, b"\n".join([key, *_values(self._client, kind, key)])

    def compact(self, patience: float = PATIENCE) -> None:
        """Have the append-only file written anew; nothing without one.

        Raises
        ------
        ServiceError
            it does not answer, refuses, fails, or takes longer than ``patience`` seconds.
        """
        refusal = "did not rewrite its append-only file, which still holds deleted rows: allow BGREWRITEAOF and repeat"
        with service_error_of(RedisError, f"Redis {refusal} ({{}})"):
            if self._client.info("persistence")["aof_enabled"]:
                self._await_rewriting(patience)  # one that began earlier may still hold what was deleted
                self._client.bgrewriteaof()
                if self._await_rewriting(patience)["aof_last_bgrewrite_status"] != "ok":
                    raise ServiceError("Redis could not rewrite its append-only file: read its log, then repeat")

    def _await_rewriting(self, patience: float) -> dict[str, Any]:
        """What it says of its files when no rewriting of them is under way."""
        deadline = time.monotonic() + patience
        while True:
            facts: dict[str, Any] = self._client.info("persistence")
            if not (facts["aof_rewrite_in_progress"] or facts["aof_rewrite_scheduled"]):
                return facts
            if time.monotonic() > deadline:
                raise ServiceError(f"Redis rewrites its append-only file for more than {patience:.0f} s; repeat later")
            time.sleep(0.02)


def _values(client: Any, kind: str, key: bytes) -> Iterator[bytes]:
    if kind == "hash":
        yield from (part for pair in client.hscan_iter(key) for part in pair)
    elif kind == "stream":
        yield from (part for _, fields in client.xrange(key) for pair in fields.items() for part in pair)
    elif kind == "list":
        yield from client.lrange(key, 0, -1)
    elif kind == "set":
        yield from client.sscan_iter(key)
    elif kind == "zset":
        yield from (member for member, _ in client.zscan_iter(key))
    elif (value := client.get(key)) is not None:
        yield value
