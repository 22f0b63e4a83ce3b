"""Feast's SQLite online store, changed so that an older value never replaces a newer one.

Feast loads it by its name (``online_store.type``). The file's layout stays Feast's own, but its times are epoch seconds
with a fraction: Feast cuts them to whole seconds, and then which of two rows of one second is newer is not known.
"""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
from feast.feature_view import FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores import sqlite
from feast.infra.online_stores.helpers import compute_table_id
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from feast.utils import make_tzaware

from include.formats.sqlite_files import share


class NewestSqliteOnlineStoreConfig(sqlite.SqliteOnlineStoreConfig):
    type: str = "include.adapters.sqlite_online_store.NewestSqliteOnlineStore"


class NewestSqliteOnlineStore(sqlite.SqliteOnlineStore):
    """One transaction per batch; the comparison happens in the statement that writes."""

    def _get_conn(self, config: RepoConfig) -> sqlite3.Connection:
        # it is the process's, and pandas' to_sql puts ISO text in its place
        sqlite3.register_converter("timestamp", lambda stored: datetime.fromtimestamp(float(stored)))
        if not self._conn:
            share(super()._get_conn(config))
        return self._conn

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]],
        progress: Callable[[int], Any] | None,
    ) -> None:
        connection, name = self._get_conn(config), compute_table_id(config.project, table)
        upsert = f"""
            INSERT INTO "{name}" (entity_key, feature_name, value, event_ts, created_ts) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (entity_key, feature_name) DO UPDATE
            SET value = excluded.value, event_ts = excluded.event_ts, created_ts = excluded.created_ts
            WHERE excluded.event_ts > event_ts OR (
                excluded.event_ts = event_ts AND coalesce(excluded.created_ts >= created_ts, TRUE)
            )
        """  # noqa: S608 - the name comes from the definitions
        rows = [
            (_key(entity), feature, value.SerializeToString(), _seconds(time), _seconds(created))
            for entity, values, time, created in data
            for feature, value in values.items()
        ]
        with connection:
            connection.executemany(upsert, rows)
        if progress:
            progress(len(data))


def _seconds(moment: datetime | None) -> float | None:
    return None if pd.isna(moment) else make_tzaware(moment).timestamp()


def _key(entity: EntityKey) -> bytes:
    return serialize_entity_key(entity, entity_key_serialization_version=3)
