"""A Feast offline store that joins point in time with DuckDB's ASOF join, on Delta tables at pinned versions.

Feast loads it by its name (``offline_store.type``). A source is a ``FileSource``: with ``DeltaFormat`` and a path
below ``lake`` (``lake/<usecase>/<view>``) it is read period by period at the version that the snapshots pin; any
other Delta table at its newest version; Parquet as files or a glob. Nothing is copied.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast.data_source import DataSource
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.feature_view import DUMMY_ENTITY_ID, FeatureView
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore, DuckDBOfflineStoreConfig
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage
from feast.utils import make_tzaware

from include.adapters.asof.source_files import relation
from include.contracts.content import quoted
from include.contracts.tables import TableRef
from include.errors import DataError, NotFoundError

STAMP = "event_timestamp"


class AsofOfflineStoreConfig(DuckDBOfflineStoreConfig):
    """``pins`` (``<usecase>/<view>`` → period → table version) take the place of the manifests below ``snapshots``."""

    type: str = "include.adapters.asof.store.AsofOfflineStore"
    lake: str = ""
    snapshots: str = ""
    pins: dict[str, dict[str, TableRef]] | None = None
    memory_limit: str = "4GB"
    spill: str = ""


class AsofOfflineStore(DuckDBOfflineStore):
    """For each event the newest row not newer than it, within the ttl; ties go to the later created timestamp."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
    ) -> RetrievalJob:
        events = _Events(entity_df, config)
        joins = [
            _Join(f"view_{n}", view, feature_refs, full_feature_names, filter_by_created_timestamp, config)
            for n, view in enumerate(feature_views)
        ]
        events.require({key for join in joins for key in join.keys.values()})
        return AsofJob(
            config,
            _query(events, joins),
            events=events,
            new=[name for join in joins for name in join.selected],
            on_demand=OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry),
            full_feature_names=full_feature_names,
            metadata=RetrievalMetadata(feature_refs, [c for c in events.columns if c != events.time], *events.span),
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        columns = [*join_key_columns, *feature_name_columns, timestamp_field, *_given(created_timestamp_column)]
        newest = ", ".join(f"{quoted(c)} DESC NULLS LAST" for c in columns[-1 - bool(created_timestamp_column) :])
        per_key = f"PARTITION BY {_names(join_key_columns)}" if join_key_columns else ""
        rows = _between(config, data_source, columns, timestamp_field, start_date, end_date)
        return AsofJob(config, f"{rows} QUALIFY row_number() OVER ({per_key} ORDER BY {newest}) = 1")

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        columns = [*join_key_columns, *feature_name_columns, timestamp_field, *_given(created_timestamp_column)]
        return AsofJob(config, _between(config, data_source, columns, timestamp_field, start_date, end_date))

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        raise DataError(
            f"feature view {feature_view.name!r} is a published table of the lake: its rows change by publishing a "
            "period (DAG data_pipeline), so that a snapshot pins them; push to the online store instead"
        )


class _Events:
    """What features are asked for: a frame, or an SQL query that DuckDB runs (it may read Parquet files)."""

    def __init__(self, given: pd.DataFrame | str, config: RepoConfig) -> None:
        self.frame = given if isinstance(given, pd.DataFrame) else None
        self.sql = "frame" if self.frame is not None else f"({given})"
        kinds = dict(self.frame.dtypes) if self.frame is not None else _columns(str(given), config)
        self.columns = list(kinds)
        self.time = infer_event_timestamp_from_entity_df(kinds)
        self.span: tuple[datetime | None, datetime | None] = (None, None)
        if self.frame is not None and len(self.frame):
            times = pd.to_datetime(self.frame[self.time], utc=True)
            self.span = (times.min().to_pydatetime(), times.max().to_pydatetime())
        self.needed = [self.time]

    def require(self, keys: set[str]) -> None:
        if missing := sorted(keys - set(self.columns)):
            raise DataError(f"events lack the entity keys {missing}; they have {sorted(self.columns)}")
        self.needed = [self.time, *sorted(keys)]


class _Join:
    """What to read of one feature view, and how it meets the events."""

    def __init__(
        self, alias: str, view: FeatureView, refs: list[str], full_names: bool, as_created: bool, config: RepoConfig
    ) -> None:
        self.alias, source = alias, view.batch_source
        prefix = view.projection.name_to_use()
        shown = view.projection.name_alias or view.name
        features = [ref.split(":")[1] for ref in refs if ref.split(":")[0] == prefix]
        renamed = view.projection.join_key_map or {}
        keys = [entity.name for entity in view.entity_columns if entity.name != DUMMY_ENTITY_ID]
        self.keys = {key: renamed.get(key, key) for key in keys}
        self.time, self.created = source.timestamp_field, source.created_timestamp_column
        self.as_created = bool(as_created and self.created)
        self.ttl = view.ttl or timedelta(0)
        stored = {new: old for old, new in source.field_mapping.items()}
        self.features = {name: stored.get(name, name) for name in features}
        self.selected = {(f"{shown}__{f}" if full_names else f): f for f in features} | {f"{shown}__{STAMP}": "__time"}
        columns = {*self.keys, *self.features.values(), self.time, *_given(self.created)}
        self.relation = relation(source, config, columns, view.name)

    def rows(self) -> str:
        """The view's rows as a relation: keys, features, ``__time``, and ``__known`` from when a row may be used."""
        columns = [*map(quoted, self.keys)]
        columns += [f"{quoted(old)} AS {quoted(new)}" for new, old in self.features.items() if new not in self.keys]
        columns.append(f"CAST({quoted(self.time)} AS TIMESTAMPTZ) AS __time")
        if not self.created:
            return f"SELECT {', '.join(columns)}, __time AS __known FROM {self.relation}"  # noqa: S608
        created = f"CAST({quoted(self.created)} AS TIMESTAMPTZ)"
        known = f"greatest(__time, {created})" if self.as_created else "__time"
        usable = f"WHERE {created} IS NOT NULL" if self.as_created else ""
        columns += [f"{created} AS __created", f"{known} AS __known"]
        rows = f"SELECT {', '.join(columns)} FROM {self.relation} {usable}"  # noqa: S608
        # a row that an earlier known one beats by its time, or by its creation at the same time, is never the newest
        order = "{'t': __time, 'c': coalesce(__created, '-infinity'::TIMESTAMPTZ)}"
        per_key = f"PARTITION BY {_names(self.keys)}" if self.keys else ""
        newest = f"max({order}) OVER ({per_key} ORDER BY __known RANGE UNBOUNDED PRECEDING)"
        return f"SELECT * EXCLUDE (__created) FROM ({rows}) QUALIFY {order} = {newest}"  # noqa: S608

    def columns(self) -> list[str]:
        """Columns of the result; a row older than the ttl counts as unknown."""
        expressions = {name: f"{self.alias}.{quoted(column)}" for name, column in self.selected.items()}
        if self.ttl:
            fresh = f"{self.alias}.__time >= matched.__time - to_seconds({self.ttl.total_seconds()})"
            expressions = {name: f"CASE WHEN {fresh} THEN {value} END" for name, value in expressions.items()}
        return [f"{value} AS {quoted(name)}" for name, value in expressions.items()]

    def cte(self) -> str:
        return f"{self.alias} AS MATERIALIZED (SELECT *, row_number() OVER () AS __id FROM ({self.rows()}))"  # noqa: S608

    def match(self) -> str:
        """Keys, time and row number only: an ASOF join sorts all that it carries."""
        narrow = f"(SELECT {_names([*self.keys, '__known', '__id'])} FROM {self.alias}) AS {self.alias}"  # noqa: S608
        on = [f"events.{quoted(event)} = {self.alias}.{quoted(key)}" for key, event in self.keys.items()]
        return f"ASOF LEFT JOIN {narrow} ON {' AND '.join([*on, f'events.__time >= {self.alias}.__known'])}"

    def lookup(self) -> str:
        return f"LEFT JOIN {self.alias} ON matched.__id_{self.alias} = {self.alias}.__id"


def _query(events: _Events, joins: list[_Join]) -> str:
    """One row per event, in their order: the columns of the events and the features, nulls without a match.

    Names come from the feature definitions and the events' columns, never from a request.
    """
    given = f"SELECT *, CAST({quoted(events.time)} AS TIMESTAMPTZ) AS __time, row_number() OVER () AS __row"
    ids = [f"{j.alias}.__id AS __id_{j.alias}" for j in joins]
    matches = " ".join(j.match() for j in joins)
    matched = f"SELECT {', '.join(['events.*', *ids])} FROM events {matches}"  # noqa: S608
    ctes = [f"events AS ({given} FROM {events.sql})", *(j.cte() for j in joins), f"matched AS ({matched})"]
    own = ", ".join(["__time", "__row", *(f"__id_{j.alias}" for j in joins)])
    columns = [f"matched.* EXCLUDE ({own})", *(column for j in joins for column in j.columns())]
    lookups = " ".join(j.lookup() for j in joins)
    return f"WITH {', '.join(ctes)} SELECT {', '.join(columns)} FROM matched {lookups} ORDER BY matched.__row"  # noqa: S608


class AsofJob(RetrievalJob):
    """A query that runs when its result is asked for; ``persist`` streams it to a Parquet file."""

    def __init__(
        self,
        config: RepoConfig,
        query: str,
        *,
        events: _Events | None = None,
        new: list[str] | None = None,
        on_demand: list[OnDemandFeatureView] | None = None,
        full_feature_names: bool = False,
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        super().__init__()
        self._config, self._query = config, query
        self._frame = events.frame if events else None
        self._needed, self._new = (events.needed if events else []), new or []
        self._on_demand, self._full_names, self._metadata = on_demand or [], full_feature_names, metadata

    @property
    def full_feature_names(self) -> bool:
        return self._full_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        return self._on_demand

    @property
    def metadata(self) -> RetrievalMetadata | None:
        return self._metadata

    def to_sql(self) -> str:
        return self._query

    def to_df(self, validation_reference: Any = None, timeout: int | None = None) -> pd.DataFrame:
        if self._frame is None or self._on_demand or validation_reference:
            return super().to_df(validation_reference, timeout)
        # the events' own columns need not travel through the query and back
        return pd.concat([self._frame.reset_index(drop=True), self._features().to_pandas()], axis=1, copy=False)

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._to_arrow_internal(timeout).to_pandas()

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        if self._frame is None:
            with _engine(self._config) as connection:
                return connection.sql(self._query).to_arrow_table()
        table, features = pa.Table.from_pandas(self._frame, preserve_index=False), self._features()
        for name in features.column_names:
            table = table.append_column(name, features[name])
        return table

    def _features(self) -> pa.Table:
        if not self._new:  # a feature service without views
            return pa.table({})
        asked = None if self._frame is None else self._frame[self._needed]
        with _engine(self._config, asked) as connection:
            query = f"SELECT {_names(self._new)} FROM ({self._query})"  # noqa: S608
            return connection.sql(query).to_arrow_table()

    def persist(self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Write the result as one Parquet file, in one step; without on-demand features it never is in memory whole."""
        uri = storage.to_data_source().path
        path = Path(FileSource.get_uri_for_file_path(self._config.repo_path, uri))
        if path.exists() and not allow_overwrite:
            raise SavedDatasetLocationAlreadyExists(location=uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.aside")
        if self._on_demand:
            pq.write_table(self.to_arrow(), aside)
        else:
            with _engine(self._config, self._frame) as connection:
                connection.sql(self._query).write_parquet(str(aside), compression="zstd")
        aside.replace(path)


@contextmanager
def _engine(config: RepoConfig, frame: pd.DataFrame | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in UTC within its memory; what exceeds it goes to a directory of its own, removed afterwards."""
    store = config.offline_store
    if store.spill:
        Path(store.spill).mkdir(parents=True, exist_ok=True)
    spill = tempfile.mkdtemp(prefix="asof-", dir=store.spill or None)
    try:
        with duckdb.connect(config={"memory_limit": store.memory_limit, "temp_directory": spill}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            if frame is not None:
                connection.register("frame", pa.Table.from_pandas(frame, preserve_index=False))
            yield connection
    except duckdb.IOException as error:
        advice = "Publish the period again, or use newer snapshots"
        raise NotFoundError(f"a pinned version of a feature table can no longer be read: {error}. {advice}") from error
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _columns(query: str, config: RepoConfig) -> Mapping[str, Any]:
    """Column → pandas type of an SQL query's result."""
    with _engine(config) as connection:
        try:
            return dict(connection.sql(f"SELECT * FROM ({query}) LIMIT 0").df().dtypes)  # noqa: S608
        except (duckdb.ParserException, duckdb.CatalogException, duckdb.BinderException) as error:
            raise DataError(f"the events' SQL cannot be run: {error}") from error


def _between(
    config: RepoConfig, source: DataSource, columns: list[str], time: str, start: datetime | None, end: datetime | None
) -> str:
    rows = relation(source, config, set(columns), source.name)
    moment = f"CAST({quoted(time)} AS TIMESTAMPTZ)"
    limits = [f"{moment} {sign} {_moment(at)}" for sign, at in ((">=", start), ("<=", end)) if at]
    where = f"WHERE {' AND '.join(limits)}" if limits else ""
    return f"SELECT {_names(columns)} FROM {rows} {where}"  # noqa: S608 - names come from the definitions


def _names(names: Any) -> str:
    return ", ".join(map(quoted, names))


def _given(name: str | None) -> list[str]:
    return [name] if name else []


def _moment(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{make_tzaware(moment).isoformat()}'"
