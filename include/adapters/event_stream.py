"""Events of one feature view on a Redis stream, and what the speed layer remembers (fulfils ports.EventStream).

Below ``moebius:<usecase>:<view>:``

| key | is |
|---|---|
| ``events`` | the stream; a processed entry is deleted, so the length is the backlog |
| ``dead`` | the dead-letter stream: event, reason, former position |
| ``results`` | for scored events: the answer and the position of its event |
| ``windows`` | hash: key of the events → StreamWindow |
| ``homes`` | hash: id of an event → key of the window that has it |
| ``pushed:<period>`` | hash: row id → the feature row that was last pushed; a repetition overwrites it |
| ``periods`` | set: the periods that have such a hash |
| ``times`` | sorted set: ``newest`` with the newest event time that was processed, epoch seconds |

One MULTI/EXEC under WATCH of the stream's ``turn`` finishes a batch. So a consumer that dies leaves all changes or
none, and of two consumers that change the same windows, the second computes again.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import chain
from types import MappingProxyType
from typing import Any

import redis
from pydantic import ValidationError
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from include.contracts.period import Period
from include.contracts.streaming import DeadLetter, StreamChange, StreamEntry, StreamWindow
from include.errors import ServiceError, service_error_of

GROUP = "speed-layer"
NEWEST = "newest"
POLL_SECONDS = 0.002
PART = 500
"""Events that are sent to Redis in one go."""
UNREADABLE_WINDOW = "a window that cannot be read; its key starts again"

SHRINK = 4
"""A batch that outlived its consumer comes back in pieces so many times smaller, until one event stands alone."""

FINISH = """
for i = 2, #ARGV, 4 do
  if redis.call('XACK', KEYS[1], KEYS[4], ARGV[i]) == 1 then
    if ARGV[i + 1] ~= '' then
      redis.call('XADD', KEYS[2], '*', 'event', ARGV[i + 2], 'reason', ARGV[i + 1], 'entry', ARGV[i])
    elseif ARGV[i + 3] ~= '' then
      redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[1], '*', 'result', ARGV[i + 3], 'entry', ARGV[i])
    end
    redis.call('XDEL', KEYS[1], ARGV[i])
  end
end
"""
"""Acknowledge, bury what is dead, write what is answered: only what nobody has finished before."""

PUT_ASIDE = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('XADD', KEYS[2], '*', 'event', ARGV[2], 'reason', ARGV[3])
  return 1
end
return 0
"""

REPLAY = """
if redis.call('XDEL', KEYS[2], ARGV[1]) == 1 then
  redis.call('XADD', KEYS[1], '*', 'event', ARGV[2])
  return 1
end
return 0
"""


class RedisEventStream:
    """One stream; ``limit`` is the backlog at which producers wait, ``keep`` about how many results stay."""

    def __init__(
        self, url: str, usecase: str, view: str, limit: int = 10_000, *, group: str = GROUP, keep: int = 1
    ) -> None:
        self._url, self._limit, self._group, self._keep = url, limit, group, keep
        self._prefix = f"moebius:{usecase}:{view}"
        keys = ("events", "dead", "results", "windows", "turn", "periods", "times", "homes")
        self._events, self._dead, self._results, self._windows, *more = (f"{self._prefix}:{key}" for key in keys)
        self._turn, self._periods, self._times, self._homes = more
        self._client: Any = redis.Redis.from_url(
            url,
            decode_responses=True,
            encoding_errors="surrogateescape",  # an entry that is no UTF-8 is put aside, not stumbled over
            socket_timeout=10,
            socket_connect_timeout=5,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3),
        )

    def close(self) -> None:
        self._client.close()

    def open(self) -> None:
        """Make the stream and its consumer group unless they are there; raises ServiceError.

        What an earlier version left there gets the keys that it did not write: ``periods``, ``times`` and ``homes``.
        """
        with self._answering():
            try:
                self._client.xgroup_create(self._events, self._group, id="0", mkstream=True)
            except redis.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            if not self._client.exists(self._times):
                self._adopt()
            if not self._client.exists(self._homes):
                self._adopt_homes()

    def _adopt_homes(self) -> None:
        for key, text in self._client.hscan_iter(self._windows, count=100):
            if (window := _window(text)) and window.events:
                self._client.hset(self._homes, mapping=dict.fromkeys(window.events, key))

    def _adopt(self) -> None:
        pushed = [name.rsplit(":", 1)[1] for name in self._client.scan_iter(self._pushed("*"), count=1000)]
        if pushed:
            self._client.sadd(self._periods, *pushed)
        windows = [window for text in self._client.hvals(self._windows) if (window := _window(text))]
        if windows:
            self._client.zadd(self._times, {NEWEST: max(window.newest for window in windows)}, gt=True)

    def publish(self, events: Sequence[Mapping[str, Any]], patience: float = 60.0) -> None:
        """Append events, in order; waits while the backlog is at its limit.

        Raises
        ------
        ServiceError
            Redis is away, or the backlog stayed at its limit for ``patience`` seconds.
        """
        sent = 0
        while sent < len(events):
            part = events[sent : sent + self._await_room(patience, len(events) - sent)]
            with self._answering(), self._client.pipeline(transaction=False) as pipe:
                for event in part:
                    pipe.xadd(self._events, {"event": json.dumps(event)})
                pipe.execute()
            sent += len(part)

    def _await_room(self, patience: float, waiting: int) -> int:
        """How many events may be added now; at least one."""
        deadline = time.monotonic() + patience
        while (backlog := self.backlog()) >= self._limit:
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self._events}: {backlog} events are unprocessed (limit {self._limit}) and {waiting} could not "
                    f"be published for {patience:.0f} s. Check with `make status` that the consumer runs"
                )
            time.sleep(POLL_SECONDS)
        return min(PART, self._limit - backlog)

    def backlog(self) -> int:
        """Events that are not done: waiting, or being worked on."""
        with self._answering():
            return int(self._client.xlen(self._events))

    def await_done(self, patience: float = 60.0) -> None:
        """Until every event is done; raises ServiceError when nothing moves for ``patience`` seconds."""
        least, deadline = self.backlog(), time.monotonic() + patience
        while backlog := self.backlog():
            if backlog < least:
                least, deadline = backlog, time.monotonic() + patience
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self._events}: {backlog} events are unprocessed and none was processed for {patience:.0f} s. "
                    "Check with `make status` that the consumer runs"
                )
            time.sleep(POLL_SECONDS)

    def take(self, consumer: str, count: int, wait_seconds: float) -> list[StreamEntry]:
        """New events, for this consumer alone; [] when none came in time."""
        with self._answering():
            block = max(1, round(wait_seconds * 1000))
            taken = self._client.xreadgroup(self._group, consumer, {self._events: ">"}, count=count, block=block)
        return [StreamEntry(id=i, text=_event(fields)) for _, entries in taken or [] for i, fields in entries]

    def reclaim(self, consumer: str, count: int, idle_seconds: float) -> list[StreamEntry]:
        """Events whose consumer was silent for so long; fewer at once the more consumers died of them."""
        idle = round(idle_seconds * 1000)
        with self._answering():
            pending = self._client.xpending_range(self._events, self._group, "-", "+", count, idle=idle)
            if not pending:
                return []
            handed_out = {p["message_id"]: p["times_delivered"] for p in pending}
            least = max(1, count // SHRINK ** (max(handed_out.values()) - 1))
            first = next(iter(handed_out))
            claimed = self._client.xautoclaim(self._events, self._group, consumer, idle, start_id=first, count=least)
        return [StreamEntry(id=i, text=_event(f), deliveries=handed_out.get(i, 1) + 1) for i, f in claimed[1]]

    def hold(self, consumer: str, entries: Sequence[StreamEntry]) -> None:
        """Say that these are still being worked on: the time of silence starts anew."""
        with self._answering():
            self._client.xclaim(self._events, self._group, consumer, 0, [e.id for e in entries], justid=True)

    def leave(self, consumer: str) -> None:
        """Take a consumer that has finished everything off the group's list."""
        with self._answering():
            known = self._client.xinfo_consumers(self._events, self._group)
            if any(c["name"] == consumer and not c["pending"] for c in known):
                self._client.xgroup_delconsumer(self._events, self._group, consumer)

    def commit(
        self,
        entries: Sequence[StreamEntry],
        dead: Mapping[str, str],
        keys: Sequence[str],
        decide: Callable[[dict[str, StreamWindow], str], StreamChange],
        ids: Sequence[str] = (),
    ) -> StreamChange:
        """Finish these entries in one step: windows and rows as ``decide`` says, acknowledged, the dead buried."""
        with self._answering(), self._client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(self._turn)
                    windows, unreadable = self._read(pipe, sorted({*keys, *self._homes_of(pipe, ids)}))
                    change = decide(windows, self._oldest(pipe))
                    pipe.multi()
                    self._write(pipe, change)
                    self._bury(pipe, unreadable)
                    for key, reason in change.broken.items():
                        self._bury(pipe, {key: windows[key].model_dump_json()}, reason)
                    self._finish(pipe, entries, dead)
                    pipe.execute()
                    return change
                except redis.WatchError:
                    pipe.reset()

    def answer(self, entries: Sequence[StreamEntry], dead: Mapping[str, str], results: Mapping[str, str]) -> None:
        """Finish these entries in one step: results on their stream, the dead buried, all acknowledged.

        Of two consumers that answer one entry only the first to finish it leaves a result.
        """
        with self._answering(), self._client.pipeline() as pipe:
            self._finish(pipe, entries, dead, results)
            pipe.execute()

    def results(self, after: str = "-") -> list[dict[str, Any]]:
        """Results, oldest first, each with the ``entry`` that it answers; ``after`` a place on the results' stream."""
        with self._answering():
            entries = self._client.xrange(self._results, min=after if after == "-" else f"({after}")
        known = ((i, fields, _object(fields.get("result", ""))) for i, fields in entries)
        return [result | {"entry": fields.get("entry", ""), "place": i} for i, fields, result in known if result]

    def forget_results(self, before: datetime) -> int:
        """Delete the results that were written before; how many."""
        with self._answering():
            return int(self._client.xtrim(self._results, minid=int(before.timestamp() * 1000), approximate=False))

    def _homes_of(self, pipe: Any, ids: Sequence[str]) -> list[str]:
        return [key for key in pipe.hmget(self._homes, list(ids)) if key] if ids else []

    def _read(self, pipe: Any, keys: Sequence[str]) -> tuple[dict[str, StreamWindow], dict[str, str]]:
        """The windows of these keys, and the texts of those that cannot be read: such a key begins anew."""
        stored = pipe.hmget(self._windows, list(keys)) if keys else []
        texts = {key: text for key, text in zip(keys, stored, strict=True) if text}
        windows = {key: window for key, text in texts.items() if (window := _window(text))}
        return windows, {key: _readable(text) for key, text in texts.items() if key not in windows}

    def _bury(self, pipe: Any, windows: Mapping[str, str], reason: str = UNREADABLE_WINDOW) -> None:
        for text in windows.values():
            pipe.xadd(self._dead, {"event": text, "reason": reason})

    def _oldest(self, pipe: Any) -> str:
        """Place of the oldest unfinished event: what is finished is off the stream."""
        found = pipe.xrange(self._events, count=1)
        return str(found[0][0]) if found else "0-0"

    def _write(self, pipe: Any, change: StreamChange) -> None:
        if change.windows:
            pipe.incr(self._turn)
            pipe.hset(self._windows, mapping={k: w.model_dump_json() for k, w in change.windows.items()})
            pipe.zadd(self._times, {NEWEST: max(window.newest for window in change.windows.values())}, gt=True)
        if change.homes:
            pipe.hset(self._homes, mapping=change.homes)
        if change.left:
            pipe.hdel(self._homes, *change.left)
        for period, names in change.gone.items():
            pipe.hdel(self._pushed(period), *names)
        for period, rows in change.rows.items():
            pipe.sadd(self._periods, period)
            pipe.hset(self._pushed(period), mapping=rows)

    def _finish(
        self,
        pipe: Any,
        entries: Sequence[StreamEntry],
        dead: Mapping[str, str],
        results: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        reasons = {entry: _encodable(reason) for entry, reason in dead.items()}
        groups = [(e.id, reasons.get(e.id, ""), e.text if e.id in dead else "", results.get(e.id, "")) for e in entries]
        words = chain.from_iterable(groups)
        pipe.eval(FINISH, 4, self._events, self._dead, self._results, self._group, self._keep, *words)

    def _pushed(self, period: str) -> str:
        return f"{self._prefix}:pushed:{period}"

    def pushed(self, period: Period) -> list[str]:
        """JSON of every feature row that was pushed for this period."""
        with self._answering():
            return list(self._client.hvals(self._pushed(period)))

    def put_aside(self, period: Period, rows: Mapping[str, str]) -> int:
        """Move these rows, by their JSON, from what was pushed for the period to the dead letters; how many.

        ``rows`` says why each is of no use.
        """
        key = self._pushed(period)
        with self._answering():
            there = self._client.hgetall(key).items() if rows else ()
            moved = [(_bytes(name), _bytes(text), rows[text]) for name, text in there if text in rows]
            return sum(int(self._client.eval(PUT_ASIDE, 2, key, self._dead, *row)) for row in moved)

    def forget(self, before: Period) -> None:
        """Drop what was pushed for periods before this one."""
        with self._answering():
            gone = [period for period in self._client.smembers(self._periods) if period < before]
            if gone:
                with self._client.pipeline() as pipe:  # in one step: what is not in the set is never dropped
                    pipe.delete(*map(self._pushed, gone)).srem(self._periods, *gone)
                    pipe.execute()

    def newest(self) -> datetime | None:
        """The newest event time that was processed; None before the first."""
        with self._answering():
            newest = self._client.zscore(self._times, NEWEST)
        return None if newest is None else datetime.fromtimestamp(newest, UTC)

    def dead_letters(self) -> list[DeadLetter]:
        """Everything that was put aside, oldest first."""
        with self._answering():
            letters = self._client.xrange(self._dead)
        return [DeadLetter(id=i, reason=_readable(f.get("reason", "")), text=_event(f)) for i, f in letters]

    def dead_count(self) -> int:
        with self._answering():
            return int(self._client.xlen(self._dead))

    def replay(self) -> int:
        """Put every dead letter back onto the stream, each in one step; how many."""
        letters = self.dead_letters()
        with self._answering():
            return sum(int(self._client.eval(REPLAY, 2, self._events, self._dead, d.id, d.text)) for d in letters)

    def drop_dead(self) -> int:
        """Delete every dead letter; how many."""
        letters = [letter.id for letter in self.dead_letters()]
        with self._answering():
            return int(self._client.xdel(self._dead, *letters)) if letters else 0

    def _answering(self) -> AbstractContextManager[None]:
        place = self._url.rsplit("@", 1)[-1]
        return service_error_of(
            redis.RedisError, f"Redis at {place} did not answer as expected: {{}}; see `make status`"
        )


def _event(fields: Mapping[str, str]) -> str:
    """The text of an entry; one without the field ``event`` is shown as it is, which keeps no contract."""
    return _readable(fields["event"] if "event" in fields else json.dumps({"fields": fields}))


def _bytes(text: str) -> bytes:
    """As they are in Redis."""
    return text.encode(errors="surrogateescape")


def _readable(text: str) -> str:
    """The text, or where its bytes were no UTF-8 one with ``\\xff`` in their place, and words that make it no JSON."""
    plain = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return plain if plain == text else f"not UTF-8: {plain}"


def _encodable(text: str) -> str:
    """The text, with half a surrogate pair as ``\\ud800``: words of others may hold one, and no client writes it."""
    return text.encode(errors="backslashreplace").decode()


def _window(text: str) -> StreamWindow | None:
    try:
        return StreamWindow.model_validate_json(text)
    except ValidationError:
        return None


def _object(text: str) -> dict[str, Any]:
    try:
        result = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return result if isinstance(result, dict) else {}
