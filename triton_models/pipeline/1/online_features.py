"""Reads Feast's online store directly, SQLite or Redis: serving has no Feast, and direct reads are faster."""

import math
import sqlite3
import time

import redis
from missing import UNAVAILABLE
from redis_features import MISSING, RedisFeatures
from server_log import tell
from sqlite_features import SqliteFeatures

STALE = "stale"
AWAY = (UNAVAILABLE, None)
NOBODY = (MISSING, None)  # of a row that has no key
PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)  # after each failure in a row: a store that is away costs one time-out per pause


class OnlineFeatures:
    """``url``: ``sqlite:///<path>`` or ``redis://…``; ``seconds``: how long a lookup may take.

    ``views``: {view: {"key": join key, "key_type": its type (String without), "features": [names], "freshness_hours":
    hours, 0 for never stale}}. May be asked from several threads.
    """

    def __init__(self, url: str, project: str, views: dict, seconds: float) -> None:
        kind = RedisFeatures if url.startswith(("redis://", "rediss://", "unix://")) else SqliteFeatures
        self._store = kind(url, project, views, seconds)
        self._limits = {view: declared["freshness_hours"] * 3600 or math.inf for view, declared in views.items()}
        self._nothing = {view: (None,) * len(declared["features"]) for view, declared in views.items()}
        self._failures, self._away_until = 0, 0.0

    def look_up(self, keys: dict, times: list) -> dict:
        """``keys``: {view: a text per row}; ``times``: of each row, the epoch second at which its features are asked.

        Returns {view: (values per row, in the order of the view's features; why they lack per row, or None when none
        does)}. The reasons are missing (the store has no such entity), stale, and unavailable (the store could not be
        asked: whether it has them is not known); what lacks is None.
        """
        stored = self._stored({(view, key) for view, column in keys.items() for key in column})
        return {view: self._of_view(stored, view, column, times) for view, column in keys.items()}

    def _stored(self, wanted: set) -> dict:
        nobody = {(view, key) for view, key in wanted if key is None}
        if not nobody:
            return self._read(wanted)
        stored = self._read(wanted - nobody)
        return {pair: stored.get(pair, AWAY) for pair in wanted - nobody} | dict.fromkeys(nobody, NOBODY)

    def _read(self, wanted: set) -> dict:
        """All (view, key) pairs of a batch at once; nothing when the store is away."""
        if self._failures and time.monotonic() < self._away_until:
            return {}
        try:
            stored = self._store.read(wanted)
        except (redis.RedisError, sqlite3.Error, OSError) as error:
            self._failed(error)
            return {}
        if self._failures:
            tell(f"the online store answers again, after {self._failures} lookups that failed")
            self._failures = 0
        return stored

    def _failed(self, error: Exception) -> None:
        self._away_until = time.monotonic() + PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        if self._failures == 1:
            tell(f"the online store does not answer: {type(error).__name__}: {error}")

    def _of_view(self, stored: dict, view: str, column: list, times: list) -> tuple:
        limit, nothing = self._limits[view], self._nothing[view]
        rows, reasons = [], []
        for key, at in zip(column, times):  # noqa: B905 - of one length, and this is the hot path
            values, event_time = stored.get((view, key), AWAY)
            reason = values if event_time is None else STALE if at - event_time > limit else None
            rows.append(nothing if reason else values)
            reasons.append(reason)
        return rows, reasons if any(reasons) else None
