"""Everything a Redis holds, as bytes: for a search that must leave nothing out."""

from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from include.errors import ServiceError


def contents(url: str) -> Iterator[tuple[str, bytes]]:
    """(kind of key, key and value in clear) for every key of every kind.

    Raises
    ------
    ServiceError
        the server does not answer.
    """
    try:
        with Redis.from_url(url, socket_timeout=10) as client:
            for key in client.scan_iter(count=1000):
                kind = client.type(key).decode()
                yield kind, b"\n".join([key, *_values(client, kind, key)])
    except RedisError as error:
        raise ServiceError(f"Redis did not answer ({type(error).__name__}); start it, or run the task again") from error


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
