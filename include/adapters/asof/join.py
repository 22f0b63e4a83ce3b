"""The point-in-time join as one SQL query: for each event the newest row of each view that was known then."""

from datetime import timedelta
from functools import lru_cache

from feast.feature_view import DUMMY_ENTITY_ID, FeatureView
from feast.repo_config import RepoConfig

from include.adapters.asof.engine import Limits, engine
from include.adapters.asof.events import EventKey, Events
from include.adapters.asof.source_files import Relation, relation
from include.formats.content import quoted
from include.formats.ties import total_order

STAMP = "event_timestamp"
NEVER = "'-infinity'::TIMESTAMPTZ"


class Join:
    """What to read of one feature view, and how it meets the events. Its columns in SQL have names of ours."""

    def __init__(
        self, alias: str, view: FeatureView, refs: list[str], full_names: bool, as_created: bool, config: RepoConfig
    ) -> None:
        self.alias, self._limits, source = alias, Limits.of(config), view.batch_source
        prefix = view.projection.name_to_use()
        shown = view.projection.name_alias or view.name
        features = [ref.split(":")[1] for ref in refs if ref.split(":")[0] == prefix]
        self.keys = _keys(view)
        self._time, self._created = source.timestamp_field, source.created_timestamp_column
        self._as_created = bool(as_created and self._created)
        self._ttl = view.ttl or timedelta(0)
        stored = {new: old for old, new in source.field_mapping.items()}
        self._features = [stored.get(name, name) for name in features]
        self._all = [stored.get(field.name, field.name) for field in view.features]
        names = [f"{shown}__{name}" if full_names else name for name in features]
        self.selected = {name: f"f{n}" for n, name in enumerate(names)} | {f"{shown}__{STAMP}": "time"}
        columns = {*self.keys, *self._features, self._time, *([self._created] if self._created else [])}
        self._stored = relation(source, config, columns, view.name)
        self._typed = {
            key: self._stored.typed(key, event.kind, f"feature view {view.name!r}: key {key!r}")
            for key, event in self.keys.items()
        }

    def rows(self) -> str:
        """The view's rows: keys ``k0`` …, features ``f0`` …, ``time``, and ``known`` from when a row may be used."""
        columns = [f"{typed} AS k{n}" for n, typed in enumerate(self._typed.values())]
        columns += [f"{quoted(name)} AS f{n}" for n, name in enumerate(self._features)]
        columns += [f"{_moment(self._time)} AS time"]
        if not self._created:
            return f"SELECT {', '.join([*columns, 'time AS known'])} FROM {self._distinct()}"  # noqa: S608
        created = _moment(self._created)
        known = f"greatest(time, {created})" if self._as_created else "time"
        usable = f"WHERE {created} IS NOT NULL" if self._as_created else ""
        columns += [f"{created} AS created", f"{known} AS known"]
        rows = f"SELECT {', '.join(columns)} FROM {self._distinct()} {usable}"  # noqa: S608
        # a row that an earlier known one beats by its time, or by its creation at the same time, is never the newest
        order = f"{{'t': time, 'c': coalesce(created, {NEVER})}}"
        per_key = f"PARTITION BY {', '.join(self._names())}" if self.keys else ""
        newest = f"max({order}) OVER ({per_key} ORDER BY known RANGE UNBOUNDED PRECEDING)"
        return f"SELECT * EXCLUDE (created) FROM ({rows}) QUALIFY {order} = {newest}"  # noqa: S608

    def columns(self) -> dict[str, str]:
        """Columns of the result and their SQL; a row older than the ttl counts as unknown."""
        expressions = {name: f"{self.alias}.{column}" for name, column in self.selected.items()}
        if self._ttl:
            fresh = f"{self.alias}.time >= matched.time - to_seconds({self._ttl.total_seconds()})"
            expressions = {name: f"CASE WHEN {fresh} THEN {value} END" for name, value in expressions.items()}
        return expressions

    def cte(self) -> str:
        return f"{self.alias} AS MATERIALIZED (SELECT *, row_number() OVER () AS id FROM ({self.rows()}))"  # noqa: S608

    def match(self, events: Events) -> str:
        """Keys, time and row number only: an ASOF join sorts all that it carries."""
        narrow = f"(SELECT {', '.join([*self._names(), 'known', 'id'])} FROM {self.alias}) AS {self.alias}"  # noqa: S608
        pairs = zip(self.keys.values(), self._names(), strict=True)
        on = [f"events.{events.key(event)} = {self.alias}.{ours}" for event, ours in pairs]
        return f"ASOF LEFT JOIN {narrow} ON {' AND '.join([*on, f'events.time >= {self.alias}.known'])}"

    def lookup(self) -> str:
        return f"LEFT JOIN {self.alias} ON matched.id_{self.alias} = {self.alias}.id"

    def _names(self) -> list[str]:
        return [f"k{n}" for n in range(len(self.keys))]

    def _distinct(self) -> str:
        """The stored rows, of those with the same keys and times one."""
        same = [*map(quoted, self.keys), _moment(self._time), *([_moment(self._created)] if self._created else [])]
        if not _has_ties(self._stored, tuple(same), tuple(map(quoted, self.keys)), self._limits):
            return self._stored.sql
        order = total_order(self._all, self._stored.floats)
        one = f"row_number() OVER (PARTITION BY {', '.join(same)} ORDER BY {order}) = 1"
        return f"(SELECT * FROM {self._stored.sql} QUALIFY {one})"  # noqa: S608


@lru_cache(maxsize=1024)
def _has_ties(stored: Relation, same: tuple[str, ...], keys: tuple[str, ...], limits: Limits) -> bool:
    """Whether rows of a key have the same times. Files do not change, so each set of them is looked at once."""
    there = f"WHERE {' AND '.join(f'{key} IS NOT NULL' for key in keys)}" if keys else ""
    query = f"SELECT 1 FROM {stored.sql} {there} GROUP BY {', '.join(same)} HAVING count(*) > 1 LIMIT 1"  # noqa: S608
    with engine(limits) as connection:
        return bool(connection.execute(query).fetchall())


def query(events: Events, joins: list[Join]) -> str:
    """One row per event, in their order: the own columns of a query of events, and the features, null without a match.

    Names come from the feature definitions and the events' columns, never from a request.
    """
    ids = [f"{j.alias}.id AS id_{j.alias}" for j in joins]
    matches = " ".join(j.match(events) for j in joins)
    matched = f"SELECT {', '.join(['events.*', *ids])} FROM events {matches}"  # noqa: S608
    ctes = [f"events AS ({events.relation()})", *(j.cte() for j in joins), f"matched AS ({matched})"]
    columns = [f"matched.{ours} AS {quoted(name)}" for name, ours in events.own.items()]
    columns += [f"{value} AS {quoted(name)}" for j in joins for name, value in j.columns().items()]
    lookups = " ".join(j.lookup() for j in joins)
    return f"WITH {', '.join(ctes)} SELECT {', '.join(columns)} FROM matched {lookups} ORDER BY matched.row"  # noqa: S608


def _keys(view: FeatureView) -> dict[str, EventKey]:
    """The view's join keys, and the events' columns that are them."""
    renamed = view.projection.join_key_map or {}
    columns = [column for column in view.entity_columns if column.name != DUMMY_ENTITY_ID]
    return {c.name: EventKey(renamed.get(c.name, c.name), str(c.dtype)) for c in columns}


def _moment(column: str) -> str:
    return f"CAST({quoted(column)} AS TIMESTAMPTZ)"
