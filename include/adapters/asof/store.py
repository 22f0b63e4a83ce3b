"""A Feast offline store that joins point in time with DuckDB's ASOF join, on Delta tables at pinned versions.

Feast loads it by its name (``offline_store.type``). A source is a ``FileSource``: with ``DeltaFormat`` and a path
below ``lake`` (``lake/<usecase>/<view>``) it is read period by period at the version that the snapshots pin; any
other Delta table at its newest version; Parquet as files or a glob. Nothing is copied.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from feast.data_source import DataSource
from feast.feature_view import FeatureView
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore, DuckDBOfflineStoreConfig
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig
from feast.utils import make_tzaware

from include.adapters.asof.engine import Limits
from include.adapters.asof.events import FrameEvents, QueryEvents
from include.adapters.asof.job import AsofJob
from include.adapters.asof.join import Join, query
from include.adapters.asof.source_files import Relation, relation
from include.contracts.tables import TableRef
from include.errors import DataError
from include.formats.content import quoted
from include.formats.ties import total_order


class AsofOfflineStoreConfig(DuckDBOfflineStoreConfig):
    """``pins`` (``<usecase>/<view>`` → period → table version) take the place of the manifests below ``snapshots``."""

    type: str = "include.adapters.asof.store.AsofOfflineStore"
    lake: str = ""
    snapshots: str = ""
    pins: dict[str, dict[str, TableRef]] | None = None
    memory_limit: str = "4GB"
    spill: str = ""


class AsofOfflineStore(DuckDBOfflineStore):
    """For each event the newest row not newer than it, within the ttl.

    Of rows with one time the one that was created last counts, of those the first by ``ties.total_order``.
    """

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
        frame = entity_df if isinstance(entity_df, pd.DataFrame) else None
        events = QueryEvents(str(entity_df), Limits.of(config)) if frame is None else FrameEvents(frame)
        joins = [
            Join(f"view_{n}", view, feature_refs, full_feature_names, filter_by_created_timestamp, config)
            for n, view in enumerate(feature_views)
        ]
        events.require({key for join in joins for key in join.keys.values()})
        return AsofJob(
            config,
            query(events, joins) if joins or frame is None else "",
            events=events,
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
        there = [f"{quoted(key)} IS NOT NULL" for key in join_key_columns]
        stored = relation(data_source, config, {*columns}, data_source.name)
        rows = _between(stored, columns, timestamp_field, start_date, end_date, there)
        per_key = f"PARTITION BY {_names(join_key_columns)}" if join_key_columns else ""
        times = ", ".join(f"{quoted(c)} DESC NULLS LAST" for c in [timestamp_field, *_given(created_timestamp_column)])
        newest = f"{rows} QUALIFY rank() OVER ({per_key} ORDER BY {times}) = 1"
        one = f"row_number() OVER ({per_key} ORDER BY {total_order(feature_name_columns, stored.floats)}) = 1"
        return AsofJob(config, f"SELECT * FROM ({newest}) QUALIFY {one}")  # noqa: S608

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
        stored = relation(data_source, config, {*columns}, data_source.name)
        return AsofJob(config, _between(stored, columns, timestamp_field, start_date, end_date))

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        raise DataError(
            f"feature view {feature_view.name!r} is a published table of the lake: its rows change by publishing a "
            "period (DAG data_pipeline), so that a snapshot pins them; push to the online store instead"
        )


def _between(
    stored: Relation,
    columns: list[str],
    time: str,
    start: datetime | None,
    end: datetime | None,
    conditions: Sequence[str] = (),
) -> str:
    moment = f"CAST({quoted(time)} AS TIMESTAMPTZ)"
    limits = [f"{moment} {sign} {_moment(at)}" for sign, at in ((">=", start), ("<=", end)) if at]
    where = f"WHERE {' AND '.join([*conditions, *limits])}" if [*conditions, *limits] else ""
    return f"SELECT {_names(columns)} FROM {stored.sql} {where}"  # noqa: S608 - names come from the definitions


def _names(names: Any) -> str:
    return ", ".join(map(quoted, names))


def _given(name: str | None) -> list[str]:
    return [name] if name else []


def _moment(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{make_tzaware(moment).isoformat()}'"
