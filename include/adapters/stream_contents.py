"""Rewrites what the event streams of a use case store in Redis: events, dead letters, windows, pushed rows.

The keys are those of ``event_stream``. Each is replaced in one MULTI/EXEC under WATCH; a stream keeps the places of its
entries, its groups and who works on what. A deleted entry's bytes stay in a stream's node, so the stream is rewritten.
"""

import json
from collections.abc import Iterator
from typing import Any

import redis

from include.errors import service_error_of
from include.ports.online import Edit

Counts = dict[str, tuple[int, int]]
FAILED = "the streams in Redis were not rewritten ({}); try again"


class RedisStreams:
    """Every stream of one use case."""

    def __init__(self, url: str, usecase: str) -> None:
        self._client: Any = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5)
        self._prefix = f"moebius:{usecase}:"

    def documents(self) -> Iterator[Any]:
        with service_error_of(redis.RedisError, FAILED):
            for key, kind in self._keys():
                for text in self._texts(key, kind):
                    try:
                        yield json.loads(text)
                    except (ValueError, RecursionError):
                        continue

    def erase(self, edit: Edit) -> Counts:
        return self._each(edit, erase=True)

    def renew(self, edit: Edit) -> Counts:
        return self._each(edit, erase=False)

    def _each(self, edit: Edit, erase: bool) -> Counts:
        counts: Counts = {}
        with service_error_of(redis.RedisError, FAILED):
            for key, kind in self._keys():
                rewrite = self._rewrite_stream if kind == b"stream" else self._rewrite_hash
                if counted := rewrite(key, edit, erase):
                    counts[key.decode()] = counted
        return counts

    def _keys(self) -> list[tuple[bytes, bytes]]:
        keys = sorted(set(self._client.scan_iter(match=f"{self._prefix}*", count=1000)))
        kinds = [(key, self._client.type(key)) for key in keys]
        return [(key, kind) for key, kind in kinds if kind in (b"stream", b"hash")]

    def _texts(self, key: bytes, kind: bytes) -> list[bytes]:
        if kind == b"hash":
            return list(self._client.hvals(key))
        return [text for _, fields in self._client.xrange(key) for text in fields.values()]

    def _rewrite_hash(self, key: bytes, edit: Edit, erase: bool) -> tuple[int, int] | None:
        turn = key.rsplit(b":", 1 if key.endswith((b":windows", b":homes")) else 2)[0] + b":turn"
        counted: list[tuple[int, int]] = []

        def once(pipe: Any) -> None:
            counted.clear()
            fields = pipe.hgetall(key)
            pipe.multi()
            gone, put = _fields(fields, edit, erase)
            if gone or put:
                pipe.incr(turn)  # who decides on the old ones meanwhile decides again
                if gone:
                    pipe.hdel(key, *gone)
                if put:
                    pipe.hset(key, mapping=put)
                counted.append((len(gone | put.keys()), 0 if erase else len(put)))

        self._client.transaction(once, key, turn)
        return counted[0] if counted else None

    def _rewrite_stream(self, key: bytes, edit: Edit, erase: bool) -> tuple[int, int] | None:
        counted: list[tuple[int, int]] = []

        def once(pipe: Any) -> None:
            counted.clear()
            entries = pipe.xrange(key)
            after = {i: {edit(name): edit(text) for name, text in fields.items()} for i, fields in entries}
            changed = [i for i, fields in entries if after[i] != fields]
            if not changed:
                pipe.multi()
                return
            if erase:
                after = {i: fields for i, fields in entries if i not in set(changed)}
            self._replace(pipe, key, after)
            counted.append((len(changed), 0 if erase else len(changed)))

        self._client.transaction(once, key)
        return counted[0] if counted else None

    def _replace(self, pipe: Any, key: bytes, entries: dict[bytes, dict[bytes, bytes]]) -> None:
        last = pipe.xinfo_stream(key)["last-generated-id"]
        groups = {group["name"]: group["last-delivered-id"] for group in pipe.xinfo_groups(key)}
        pending = {name: pipe.xpending_range(key, name, "-", "+", 1_000_000) for name in groups}
        pipe.multi()
        pipe.delete(key)
        for name, delivered in groups.items():
            pipe.xgroup_create(key, name, id=delivered, mkstream=True)
        for place, fields in entries.items():
            pipe.xadd(key, fields, id=place)
        if groups or entries:
            pipe.execute_command("XSETID", key, last)
        for name, works in pending.items():
            for one in (w for w in works if w["message_id"] in entries):
                pipe.xclaim(
                    key, name, one["consumer"], 0, [one["message_id"]], idle=one["time_since_delivered"],
                    retrycount=one["times_delivered"], force=True, justid=True,
                )  # fmt: skip


def _fields(fields: dict[bytes, bytes], edit: Edit, erase: bool) -> tuple[set[bytes], dict[bytes, bytes]]:
    """Names of the fields that go, and those that are put in."""
    changed = {name: value for name, value in fields.items() if edit(name) != name or edit(value) != value}
    if not erase:
        gone = {name for name in changed if edit(name) != name}
        return gone, {edit(name): edit(value) for name, value in changed.items()}
    kept = {name: rest for name, value in changed.items() if edit(name) == name and (rest := _window(value, edit))}
    return changed.keys() - kept.keys(), kept


def _window(value: bytes, edit: Edit) -> bytes | None:
    """A window without the events that ``edit`` changes; None for what is no window, or stays changed without them."""
    try:
        window = json.loads(value)
    except (ValueError, RecursionError):  # no window: it goes as a whole
        return None
    if not isinstance(window, dict) or not isinstance(events := window.get("events"), dict):
        return None
    texts = {id_: json.dumps({id_: event}, ensure_ascii=False).encode() for id_, event in events.items()}
    kept = {id_: event for id_, event in events.items() if edit(texts[id_]) == texts[id_]}
    rest = json.dumps({**window, "events": kept}).encode()
    return rest if edit(rest) == rest else None
