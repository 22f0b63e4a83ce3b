"""Feast's online store in Redis, key by key: Feast itself can neither delete nor rename an entity.

One hash per entity: its key as Feast serializes it (texts stand in it as they are, behind their length), then the
project; a field per feature, and ``_ts:<view>``. One server may hold other things: only this project's are touched.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import redis

from include.errors import service_error_of
from include.ports.online import Edit

Fields = dict[bytes, bytes]
BATCH = 1000
FAILED = "the online store in Redis failed ({}); try again"


class RedisKeys:
    """``url`` like ``redis://…``; ``project`` as Feast knows it."""

    def __init__(self, url: str, project: str) -> None:
        self._client: Any = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5)
        self._project = project.encode()

    def texts(self) -> list[bytes]:
        with service_error_of(redis.RedisError, FAILED):
            return sorted({self._entity(key) for key in self._keys()})

    def copy(self, edit: Edit) -> int:
        return self._each(edit, self._copied)

    def delete(self, edit: Edit) -> int:
        return self._each(edit, self._deleted)

    def _each(self, edit: Edit, change: Callable[[Any, bytes, Fields, Edit], int]) -> int:
        count = 0
        with service_error_of(redis.RedisError, FAILED):
            for key, fields in self._hashes():
                if self._edited(key, edit) != key or any(edit(value) != value for value in fields.values()):
                    count += self._atomically(key, edit, change)
        return count

    def _atomically(self, key: bytes, edit: Edit, change: Callable[[Any, bytes, Fields, Edit], int]) -> int:
        """Read again under WATCH, so that nothing that was written meanwhile is lost."""
        counted = [0]

        def once(pipe: Any) -> None:
            fields = pipe.hgetall(key)
            pipe.multi()
            counted[0] = change(pipe, key, fields, edit)

        self._client.transaction(once, key)
        return counted[0]

    def _copied(self, pipe: Any, key: bytes, fields: Fields, edit: Edit) -> int:
        to = self._edited(key, edit)
        for name, value in fields.items():
            if to != key:
                pipe.hsetnx(to, name, edit(value))
            elif edit(value) != value:
                pipe.hset(key, name, edit(value))
        return _features(fields if to != key else _changing(fields, edit))

    def _deleted(self, pipe: Any, key: bytes, fields: Fields, edit: Edit) -> int:
        going = fields if self._edited(key, edit) != key else _changing(fields, edit)
        if going:
            pipe.hdel(key, *going)
        return _features(going)

    def _edited(self, key: bytes, edit: Edit) -> bytes:
        return edit(self._entity(key)) + self._project

    def _entity(self, key: bytes) -> bytes:
        return key.removesuffix(self._project)

    def _keys(self) -> Iterator[bytes]:
        pattern = b"*" + re.sub(rb"([*?\[\]\\])", rb"\\\1", self._project)
        for key in self._client.scan_iter(match=pattern, count=BATCH, _type="hash"):
            if key[1:4] == b"\0\0\0":  # Feast's keys begin with their number, a whole number of 4 bytes
                yield key

    def _hashes(self) -> Iterator[tuple[bytes, Fields]]:
        every = self._keys()
        while keys := list(islice(every, BATCH)):
            with self._client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.hgetall(key)
                yield from zip(keys, pipe.execute(), strict=True)


def _changing(fields: Fields, edit: Edit) -> Fields:
    return {name: value for name, value in fields.items() if edit(value) != value}


def _features(fields: Fields) -> int:
    return sum(not name.startswith(b"_ts:") for name in fields)
