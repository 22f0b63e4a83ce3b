"""The feature store: Feast over Parquet files and SQLite (fulfils ports.FeatureStore).

State below ``settings.feature_store``: ``registry.db``, ``online.db``, ``offline/<view>/<period>.parquet``.
"""

import fcntl
import runpy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from include.contracts import SnapshotRef
from include.errors import DataError, NotFoundError
from include.settings import ROOT, Settings

if TYPE_CHECKING:
    import feast

PROJECT = "moebius"
TIME = "event_timestamp"
DEFINITIONS = ROOT / "feature_repo"
ASOF = "include.adapters.asof_offline_store.AsofOfflineStore"


class FeastFeatureStore:
    """Feast with an ASOF join offline and SQLite online.

    ``offline_store`` names Feast's offline store class, ``duckdb`` for Feast's own.
    """

    def __init__(self, settings: Settings, definitions: Path = DEFINITIONS, offline_store: str = ASOF) -> None:
        self._home = settings.feature_store
        self._project = settings.registered(PROJECT)
        self._definitions = definitions
        self._offline_store = offline_store

    def apply(self) -> None:
        """Register the definitions of ``feature_repo`` (idempotent)."""
        with self._alone():
            self._store.apply(self._defined())
        self._store.refresh_registry()

    def write_offline(self, view: str, period: str, rows: pd.DataFrame) -> None:
        """Replace one period of a view in the offline store, in one step.

        Raises
        ------
        NotFoundError
            there is no such view.
        DataError
            rows lack a column of the view.
        """
        rows = self._checked(view, rows)
        file = self._home / "offline" / view / f"{period}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".{period}.aside")
        rows = rows.assign(**{TIME: pd.to_datetime(rows[TIME], utc=True).dt.as_unit("us")})
        rows.sort_values(TIME).to_parquet(aside, index=False)
        aside.replace(file)

    def materialize(self, views: Sequence[str], start: datetime, end: datetime) -> None:
        """Load the newest offline values of [start, end) into the online store.

        A key whose online value is newer keeps it, so periods may be materialized in any order.
        Raises NotFoundError when a view has no offline rows at all.
        """
        for name in views:
            view = self._view(name)
            rows = self._newest(view, start, end)
            with self._alone():
                self._write_online(view, rows)
                self._store.registry.apply_materialization(view, self._project, _utc(start), _utc(end))
        self._store.refresh_registry()

    def push(self, view: str, rows: pd.DataFrame) -> None:
        """Write rows straight into the online store; one older than what is there is dropped."""
        with self._alone():
            self._write_online(self._view(view), self._checked(view, rows))

    def historical(
        self, service: str, events: pd.DataFrame, snapshots: Sequence[SnapshotRef] | None = None
    ) -> pd.DataFrame:
        """``events`` in their order, plus the service's features as they were known at ``event_timestamp``.

        The offline files hold the current snapshots only, so other ``snapshots`` cannot be read from them yet.
        ``<view>__event_timestamp`` says since when each view's values were known.

        Raises
        ------
        NotFoundError
            no such service, or a view of it has no offline rows.
        DataError
            events lack ``event_timestamp`` or already have a feature's column.
        """
        wanted = self._service(service)
        self._check_events(wanted, events)
        return self._store.get_historical_features(entity_df=events, features=wanted).to_df()

    def online(self, service: str, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The service's features per mapping of entity keys, None where unknown.

        A mapping that carries ``event_timestamp`` gets None for what is then older than the view's
        ttl: Feast itself does not look at it online.
        """
        if not keys:
            return []
        entities = [{k: v for k, v in key.items() if k != TIME} for key in keys]
        wanted = self._service(service)
        found = self._store.get_online_features(features=wanted, entity_rows=entities)
        columns = found.to_dict(include_event_timestamps=True)
        return [self._fresh(wanted, columns, index, key.get(TIME)) for index, key in enumerate(keys)]

    @cached_property
    def _store(self) -> "feast.FeatureStore":
        from feast import FeatureStore
        from feast.repo_config import RepoConfig

        self._home.mkdir(parents=True, exist_ok=True)
        config = RepoConfig(
            project=self._project,
            provider="local",
            registry={
                "registry_type": "sql",
                "path": f"sqlite:///{self._home / 'registry.db'}",
                "cache_ttl_seconds": 60,
            },
            offline_store={"type": self._offline_store},
            online_store={"type": "sqlite", "path": str(self._home / "online.db")},
            entity_key_serialization_version=3,
            repo_path=self._home,
        )
        return FeatureStore(config=config)

    def _defined(self) -> list[Any]:
        from feast import Entity, FeatureService, FeatureView, Project

        kinds = (Project, Entity, FeatureView, FeatureService)
        modules = [runpy.run_path(str(path)) for path in sorted(self._definitions.glob("*.py"))]
        objects = [value for module in modules for value in module.values() if isinstance(value, kinds)]
        for project in (o for o in objects if isinstance(o, Project)):
            project.name = self._project
        unique = {(type(o).__name__, o.name): o for o in objects}
        return list(unique.values())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # the registry is one file and "newer than what is there" must be checked and written together
        self._home.mkdir(parents=True, exist_ok=True)
        with (self._home / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _view(self, name: str) -> "feast.FeatureView":
        from feast.errors import FeatureViewNotFoundException

        try:
            return self._store.get_feature_view(name)
        except FeatureViewNotFoundException as error:
            known = sorted(view.name for view in self._store.list_feature_views())
            raise NotFoundError(f"no feature view {name!r}; registered: {known}. Define it in feature_repo/") from error

    def _service(self, name: str) -> "feast.FeatureService":
        from feast.errors import FeatureServiceNotFoundException

        try:
            return self._store.get_feature_service(name)
        except FeatureServiceNotFoundException as error:
            known = sorted(service.name for service in self._store.list_feature_services())
            raise NotFoundError(f"no feature service {name!r}; registered: {known}") from error

    def _checked(self, view: str, rows: pd.DataFrame) -> pd.DataFrame:
        columns = [field.name for field in self._view(view).schema] + [TIME]
        if missing := [c for c in columns if c not in rows.columns]:
            raise DataError(f"rows for feature view {view!r} lack {missing}; they have {sorted(rows.columns)}")
        return rows[columns]

    def _check_events(self, service: "feast.FeatureService", events: pd.DataFrame) -> None:
        if TIME not in events.columns:
            raise DataError(f"events lack {TIME!r}, the time up to which features may be known")
        features = [f.name for projection in service.feature_view_projections for f in projection.features]
        if present := [name for name in features if name in events.columns]:
            raise DataError(f"events already have the feature columns {present}; drop them first")
        for projection in service.feature_view_projections:
            self._files(self._view(projection.name))

    def _files(self, view: "feast.FeatureView") -> list[str]:
        directory = self._home / "offline" / view.name
        files = sorted(map(str, directory.glob("*.parquet")))
        if not files:
            raise NotFoundError(f"feature view {view.name!r} has no offline rows in {directory}; run the data pipeline")
        return files

    def _newest(self, view: "feast.FeatureView", start: datetime, end: datetime) -> pd.DataFrame:
        keys = ", ".join(f'"{key}"' for key in view.join_keys)
        query = f"""
            SELECT * FROM read_parquet($files, union_by_name = true) WHERE {TIME} >= $start AND {TIME} < $end
            QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {TIME} DESC) = 1
        """  # noqa: S608 - names come from the definitions
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            values = {"files": self._files(view), "start": _utc(start), "end": _utc(end)}
            return connection.sql(query, params=values).df()

    def _write_online(self, view: "feast.FeatureView", rows: pd.DataFrame) -> None:
        rows = rows.sort_values(TIME).drop_duplicates(view.join_keys, keep="last")
        if rows.empty:
            return
        rows = rows[_seconds(rows[TIME]) >= self._online_seconds(view, rows)]
        if not rows.empty:
            self._store.write_to_online_store(view.name, rows)

    def _online_seconds(self, view: "feast.FeatureView", rows: pd.DataFrame) -> "pd.Series[int]":
        feature = view.features[0].name
        entities = rows[view.join_keys].to_dict("records")
        found = self._store.get_online_features(features=[f"{view.name}:{feature}"], entity_rows=entities)
        return pd.Series(found.to_dict(include_event_timestamps=True)[f"{feature}__ts"], index=rows.index)

    def _fresh(
        self, service: "feast.FeatureService", columns: dict[str, list[Any]], index: int, now: datetime | None
    ) -> dict[str, Any]:
        row = {}
        for projection in service.feature_view_projections:
            ttl = self._view(projection.name).ttl
            for feature in projection.features:
                known = columns[f"{feature.name}__ts"][index]
                stale = now is not None and ttl and _utc(now).timestamp() - known > ttl.total_seconds()
                row[feature.name] = None if stale else columns[feature.name][index]
        return row


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _seconds(times: "pd.Series[pd.Timestamp]") -> "pd.Series[int]":
    return pd.to_datetime(times, utc=True).dt.floor("s").map(lambda moment: int(moment.timestamp()))
