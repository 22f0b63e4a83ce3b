"""A Feast offline store that joins point in time with DuckDB's ASOF join.

Feast's own DuckDB store gives the same answers in several times the time, and reads relative paths
from the working directory. Feast loads this class by its name (``offline_store.type``).
"""

from datetime import timedelta
from pathlib import Path

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
from feast.data_source import DataSource
from feast.feature_view import FeatureView
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore, DuckDBOfflineStoreConfig, _write_data_source
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.ibis import IbisRetrievalJob
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import RepoConfig

TIME = "event_timestamp"
# pandas' nanoseconds are a type of their own in DuckDB, which does not compare with microseconds
EVENTS = f"""
    CREATE TEMP VIEW events AS
    SELECT * REPLACE (CAST({TIME} AS TIMESTAMPTZ) AS {TIME}), row_number() OVER () AS __row FROM given
"""  # noqa: S608


class AsofOfflineStoreConfig(DuckDBOfflineStoreConfig):
    type: str = "include.adapters.asof_offline_store.AsofOfflineStore"


class AsofOfflineStore(DuckDBOfflineStore):
    """``get_historical_features`` by ASOF join: for each event the newest row not newer than it, within the ttl."""

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
        if not isinstance(entity_df, pd.DataFrame):
            raise TypeError("AsofOfflineStore takes the events as a pandas DataFrame")
        joins = [_Join(view, feature_refs, full_feature_names, config) for view in feature_views]
        return IbisRetrievalJob(
            ibis.memtable(_point_in_time(entity_df, joins)),
            [],
            full_feature_names,
            metadata=RetrievalMetadata(
                features=feature_refs,
                keys=[c for c in entity_df.columns if c != TIME],
                min_event_timestamp=entity_df[TIME].min(),
                max_event_timestamp=entity_df[TIME].max(),
            ),
            data_source_writer=_write_data_source,
            staging_location=None,
            staging_location_endpoint_override=None,
            repo_path=str(config.repo_path),
        )


class _Join:
    """What to read of one feature view, and how it meets the events."""

    def __init__(self, view: FeatureView, refs: list[str], full_names: bool, config: RepoConfig) -> None:
        prefix = view.projection.name_to_use()
        self.features = [ref.split(":")[1] for ref in refs if ref.split(":")[0] == prefix]
        self.names = {f: f"{prefix}__{f}" if full_names else f for f in self.features}
        self.stamp = f"{prefix}__{TIME}"  # when the values were known: evidence against leaks
        renamed = view.projection.join_key_map or {}
        self.keys = {entity.name: renamed.get(entity.name, entity.name) for entity in view.entity_columns}
        self.time = view.batch_source.timestamp_field
        self.files = source_files(view.batch_source, config)
        self.ttl = view.ttl or timedelta(0)

    def select(self, alias: str) -> list[str]:
        """Columns of the result; a row older than the ttl counts as unknown."""
        names = self.names | {self.time: self.stamp}
        if not self.ttl:
            return [f'{alias}."{column}" AS "{name}"' for column, name in names.items()]
        fresh = f'{alias}."{self.time}" >= events.{TIME} - to_seconds({self.ttl.total_seconds()})'
        return [f'CASE WHEN {fresh} THEN {alias}."{column}" END AS "{name}"' for column, name in names.items()]

    def clause(self, alias: str) -> str:
        on = " AND ".join(f'events."{event}" = {alias}."{key}"' for key, event in self.keys.items())
        return f'ASOF LEFT JOIN {alias} ON {on} AND events.{TIME} >= {alias}."{self.time}"'


def source_files(source: DataSource, config: RepoConfig) -> list[str]:
    """Files of a FileSource whose path is a glob below Feast's repo path, sorted."""
    pattern = Path(FileSource.get_uri_for_file_path(config.repo_path, source.path))
    return sorted(str(path) for path in pattern.parent.glob(pattern.name))


def _point_in_time(events: pd.DataFrame, joins: list[_Join]) -> pa.Table:
    """``events`` in their order, plus the features; an event without a match gets nulls."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("given", pa.Table.from_pandas(events, preserve_index=False))
        connection.execute(EVENTS)
        columns, clauses = ["events.* EXCLUDE (__row)"], []
        for number, join in enumerate(joins):
            alias = f"view_{number}"
            connection.read_parquet(join.files, union_by_name=True).create_view(alias)
            columns += join.select(alias)
            clauses.append(join.clause(alias))
        # names come from the feature definitions, never from a request
        query = f"SELECT {', '.join(columns)} FROM events {' '.join(clauses)} ORDER BY events.__row"  # noqa: S608
        return connection.sql(query).to_arrow_table()
