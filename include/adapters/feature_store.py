"""Feast: offline features by DuckDB over Parquet months, online features in SQLite."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts import write_atomically
from include.errors import NotFoundError
from include.settings import ROOT, Settings

PROJECT = "moebius"
TIME = "event_timestamp"


class FeastFeatureStore:
    """One Feast project for all use cases; definitions come from ``feature_repo/``."""

    def __init__(self, settings: Settings) -> None:
        self.home = settings.feature_store
        self._state = settings.home

    @cached_property
    def store(self) -> Any:
        """Feast's own object; imported and opened on first use."""
        from feast import FeatureStore, RepoConfig

        os.environ["MOEBIUS_HOME"] = str(self._state)  # the definitions name their files below it
        self.home.mkdir(parents=True, exist_ok=True)
        return FeatureStore(
            config=RepoConfig(
                project=PROJECT,
                provider="local",
                registry={"registry_type": "sql", "path": f"sqlite:///{self.home / 'registry.db'}", "cache_ttl_seconds": 60},
                offline_store={"type": "duckdb"},
                online_store={"type": "sqlite", "path": str(self.home / "online.db")},
                entity_key_serialization_version=3,
                repo_path=ROOT / "feature_repo",
            )
        )

    def apply(self) -> None:
        """Register every definition of ``feature_repo``; repeating it changes nothing."""
        from feast.repo_operations import parse_repo

        store = self.store
        contents = parse_repo(ROOT / "feature_repo")
        store.apply([*contents.entities, *contents.feature_views, *contents.feature_services, *contents.data_sources])

    def write_offline(self, view: str, period: str, rows: pd.DataFrame) -> None:
        """Replace one month of a view: written aside, then renamed."""
        path = self.home / "offline" / view / f"{period}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".aside")
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), aside)
        aside.replace(path)

    def materialize(self, views: Sequence[str], start: datetime, end: datetime) -> None:
        self.store.materialize(start_date=start, end_date=end, feature_views=list(views), disable_event_timestamp=False)

    def push(self, view: str, rows: pd.DataFrame) -> None:
        """Write rows straight into the online store; push in time order: an older row would win over a newer one."""
        self.store.write_to_online_store(view, rows)

    def historical(self, service: str, events: pd.DataFrame) -> pd.DataFrame:
        """``events`` plus the features of the service as known at ``event_timestamp``; same rows, same order.

        Raises
        ------
        NotFoundError
            no such feature service, or nothing is in the offline store yet.
        """
        joined = self.store.get_historical_features(entity_df=events, features=self._service(service)).to_df()
        return joined

    def online(self, service: str, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        answer = self.store.get_online_features(features=self._service(service), entity_rows=list(keys)).to_dict()
        return [{name: values[i] for name, values in answer.items()} for i in range(len(keys))]

    def _service(self, name: str) -> Any:
        from feast.errors import FeatureServiceNotFoundException

        try:
            return self.store.get_feature_service(name)
        except FeatureServiceNotFoundException as error:
            known = [s.name for s in self.store.list_feature_services()]
            raise NotFoundError(f"no feature service {name!r}; there are {known}: is it in feature_repo/?") from error
