"""The feature store: Feast over the lake's tables and an online store in SQLite or Redis (fulfils ports.FeatureStore).

State: ``registry.db`` (and ``online.db``) below ``settings.feature_store``; offline features are the lake's tables.
"""

import copy
import fcntl
import hashlib
import json
import runpy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from sqlite3 import OperationalError
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq
import redis

from include.adapters.feature_store.rows import Keys, declared_rows, written_values
from include.contracts import sqlite_proof
from include.contracts.content import for_duckdb
from include.contracts.features import FeatureInfo, FeatureServiceRef, ViewDefinition
from include.contracts.sqlite_files import WAIT_SECONDS, share_file, sqlite_url
from include.contracts.tables import SnapshotRef, TableRef
from include.errors import DamagedStateError, DataError, NotFoundError, ServiceError, SpecError
from include.settings import ROOT, Settings
from include.specification.modules import importing

if TYPE_CHECKING:
    import feast

TIME = "event_timestamp"
DEFINITIONS = ROOT / "feature_repo"
STORES = "include.adapters."
OF, HASH = "kept_of", "definitions"
AWAY = (redis.ConnectionError, redis.TimeoutError, redis.ResponseError, OperationalError)
"""What the clients of the online stores raise when they are away, full or locked; every other error is of the rows."""


class FeastFeatureStore:
    """Feast with an ASOF join on pinned Delta tables offline, SQLite or Redis online."""

    def __init__(self, settings: Settings, definitions: Path = DEFINITIONS) -> None:
        self._settings = settings
        self._home = settings.feature_store
        self._registry = self._home / "registry.db"
        self._project = settings.feature_project
        self._definitions = definitions

    def apply(self) -> None:
        """Register the definitions of ``feature_repo`` (idempotent).

        A file that cannot be used is left out, and what was registered of it stays; the other files are registered.

        Raises
        ------
        SpecError
            afterwards, one line per file that was left out: it cannot be imported, changes what a release was built
            with, or defines a name differently from another file.
        """
        with self._alone():
            files, faults = self._files()
            faults |= self._changes(files)
            faults |= self._contradictions({name: objects for name, objects in files.items() if name not in faults})
            usable = {(type(o).__name__, o.name): o for name in files if name not in faults for o in files[name]}
            self._store.apply(list(usable.values()))
        self._store.refresh_registry()
        if faults:
            raise SpecError("\n".join(faults.values()))

    def faults(self, file: str) -> list[str]:
        """Why this file of ``feature_repo`` cannot be registered; nothing is changed."""
        with self._alone():
            files, faults = self._files()
            faults |= self._changes(files)
            faults |= self._contradictions({name: objects for name, objects in files.items() if name not in faults})
        return faults.get(file, "").splitlines()

    def keep(self, service: str) -> FeatureServiceRef:
        """Keep the service as it is now under a name of its own, for a release that is built with it (idempotent)."""
        from feast import FeatureService

        current = self._service(service)
        digest = _digest(current, {p.name: self._view(p.name) for p in current.feature_view_projections})
        kept = FeatureService(
            name=f"{service}__{digest[:12]}",
            features=[],
            description=f"{service} as a release was built with it. {current.description}",
            owner=current.owner,
            tags={**current.tags, OF: service, HASH: digest},
        )
        kept.feature_view_projections = current.feature_view_projections
        with self._alone():
            self._store.registry.apply_feature_service(kept, self._project)
        self._store.refresh_registry()
        return FeatureServiceRef(name=service, kept_as=kept.name, definitions=digest)

    def search(self, text: str = "") -> list[FeatureInfo]:
        """Features that hold every word of the text in name, view, description, owner or tags, sorted; all without."""
        services = self._store.list_feature_services()
        known = [_info(view, field, services) for view in self._store.list_feature_views() for field in view.features]
        words = text.casefold().split()
        matching = [f for f in known if all(word in _words(f) for word in words)]
        return sorted(matching, key=lambda f: (f.view, f.name))

    def materialize(self, views: Sequence[str], start: datetime, end: datetime) -> None:
        """Load the newest offline values of [start, end) into the online store.

        A key whose online value is newer keeps it, so periods may be materialized in any order.
        Raises NotFoundError when a view has no offline rows at all.
        """
        for name in views:
            view = self._view(name)
            self._write_online(view, self._newest(view, start, end))
            with self._alone():
                self._store.registry.apply_materialization(view, self._project, _utc(start), _utc(end))
        self._store.refresh_registry()

    def push(self, view: str, rows: pd.DataFrame) -> None:
        """Write rows straight into the online store; one older than what is there is dropped.

        Raises
        ------
        NotFoundError
            there is no such view.
        DataError
            rows lack a column of the view, a key or a time, or a value is not of its declared type.
        """
        self._write_online(self._view(view), rows)

    def historical(
        self, service: str, events: pd.DataFrame, snapshots: Sequence[SnapshotRef] | None = None
    ) -> pd.DataFrame:
        """``events`` in their order, plus the service's features as they were known at ``event_timestamp``.

        Features are read as ``snapshots`` pin them; None: the current snapshots.
        ``<view>__event_timestamp`` says since when each view's values were known.

        Raises
        ------
        NotFoundError
            no such service, or a view of it has no offline rows in the snapshots.
        DataError
            events lack ``event_timestamp`` or an entity key, already have a feature's column, or have a key that is
            not of its entity's type. A key that is missing is no entity.
        """
        wanted = self._service(service)
        _check_events(wanted, list(events.columns))
        return self._pinned(snapshots).get_historical_features(entity_df=events, features=wanted).to_df()

    def historical_file(
        self, service: str, events: str | Path, file: Path, snapshots: Sequence[SnapshotRef] | None = None
    ) -> int:
        """The same for events in a Parquet file or from an SQL query, streamed into ``file``; returns its rows.

        Memory stays within ``settings.memory_limit`` (what exceeds it goes to ``staging``); ``file`` appears when it
        is complete. Errors as ``historical``.
        """
        from feast.infra.offline_stores.file_source import SavedDatasetFileStorage

        wanted = self._service(service)
        sql = _reading(events) if isinstance(events, Path) else events
        job = self._pinned(snapshots).get_historical_features(entity_df=sql, features=wanted)
        _check_events(wanted, [*job.metadata.keys, TIME])
        job.persist(SavedDatasetFileStorage(path=str(file.absolute())), allow_overwrite=True)
        return pq.read_metadata(file).num_rows

    def online(self, service: str, keys: Sequence[Mapping[str, Any]], *, stamped: bool = False) -> list[dict[str, Any]]:
        """The service's features per mapping of entity keys, None where unknown; ``stamped`` as the port says.

        A mapping that carries ``event_timestamp`` gets None for what is then older than the view's
        ttl: Feast itself does not look at it online.

        Raises
        ------
        NotFoundError
            no such feature service is registered.
        DataError
            no mapping has an entity key, or one is not of its entity's type. A key that is None is no entity.
        DamagedStateError
            the store lacks the tables of registered features.
        ServiceError
            it is away, or locked.
        """
        if not keys:
            return []
        wanted = self._service(service)
        if not wanted.feature_view_projections:
            return [{} for _ in keys]
        views = [(projection, self._view(projection.name)) for projection in wanted.feature_view_projections]
        typed = Keys(views, keys)
        try:
            answer = self._store.get_online_features(features=wanted, entity_rows=typed.columns)
        except AWAY as error:
            raise self._unusable(error, f"did not answer for {service}") from error
        columns = answer.to_dict(include_event_timestamps=True)
        rows = [_known(views, columns, typed, index, key.get(TIME)) for index, key in enumerate(keys)]
        return [row | _stamps(views, columns, typed, index) for index, row in enumerate(rows)] if stamped else rows

    def definitions(self) -> list[ViewDefinition]:
        """Every registered feature view with its features, meanings, owner and services."""
        services = self._store.list_feature_services()
        return [_view_definition(view, services) for view in self._store.list_feature_views()]

    @cached_property
    def _store(self) -> "feast.FeatureStore":
        from feast import FeatureStore
        from feast.repo_config import RepoConfig
        from sqlalchemy.exc import SQLAlchemyError

        self._home.mkdir(parents=True, exist_ok=True)
        for database in (self._registry, self._home / "online.db"):
            _require_sound(database)
        share_file(self._registry)
        registry = {
            "registry_type": "sql",
            "path": sqlite_url(self._registry),
            "cache_ttl_seconds": 60,
            "sqlalchemy_config_kwargs": {"echo": False, "connect_args": {"timeout": WAIT_SECONDS}},
        }
        config = RepoConfig(
            project=self._project,
            provider="local",
            registry=registry,
            offline_store=self._offline(),
            online_store=self._online(),
            entity_key_serialization_version=3,
            repo_path=self._settings.home,
        )
        store = FeatureStore(config=config)
        try:
            _ = store.registry  # Feast opens it with the first question: now, so that its errors have a name
        except SQLAlchemyError as error:  # its text has the statement too
            what = f"{self._registry} cannot be used now ({str(error).splitlines()[0]})"
            raise ServiceError(f"{what}; run it again") from error
        return store

    def _offline(self) -> dict[str, Any]:
        return {
            "type": f"{STORES}asof.store.AsofOfflineStore",
            "lake": str(self._settings.lake),
            "snapshots": str(self._settings.snapshots),
            "memory_limit": self._settings.memory_limit,
            "spill": str(self._settings.staging),
        }

    def _online(self) -> dict[str, Any]:
        if self._settings.online_store == "redis":
            kind = f"{STORES}redis_online_store.NewestRedisOnlineStore"
            return {"type": kind, "connection_string": self._settings.redis_address}
        return {"type": f"{STORES}sqlite_online_store.NewestSqliteOnlineStore", "path": str(self._home / "online.db")}

    def _pinned(self, snapshots: Sequence[SnapshotRef] | None) -> "feast.FeatureStore":
        """The store that reads what these snapshots pin; registry and connections are shared."""
        if snapshots is None:
            return self._store
        pins: dict[str, dict[str, TableRef]] = {}
        for snapshot in snapshots:
            for name, table in snapshot.tables.items():
                pins.setdefault(f"{snapshot.usecase}/{name}", {})[snapshot.period] = table
        pinned = copy.copy(self._store)
        pinned.config = self._store.config.model_copy()
        pinned.config._offline_store = self._store.config.offline_store.model_copy(update={"pins": pins})
        return pinned

    def _files(self) -> tuple[dict[str, list[Any]], dict[str, str]]:
        """What each file defines, and why others cannot be used."""
        files: dict[str, list[Any]] = {}
        faults: dict[str, str] = {}
        for path in sorted(self._definitions.glob("*.py")):
            try:
                files[path.name] = self._defined_in(path)
            except SpecError as error:
                faults[path.name] = str(error)
        return files, faults

    def _defined_in(self, path: Path) -> list[Any]:
        from feast import Entity, FeatureService, FeatureView, Project

        with importing(path, f"feature_repo/{path.name}"):
            values = runpy.run_path(str(path)).values()
        defined = [value for value in values if isinstance(value, Project | Entity | FeatureView | FeatureService)]
        for project in (value for value in defined if isinstance(value, Project)):
            project.name = self._project
        return defined

    def _contradictions(self, files: dict[str, list[Any]]) -> dict[str, str]:
        """Of two files that define a name differently, the one that is not what is registered; else the second."""
        from feast import Project

        owners: dict[tuple[str, str], tuple[str, Any]] = {}
        faults: dict[str, str] = {}
        for name, objects in files.items():
            for found in (value for value in objects if not isinstance(value, Project)):
                place, first = owners.setdefault((type(found).__name__, found.name), (name, found))
                if place != name and first != found:
                    wrong = place if self._registered(found) == found else name
                    faults.setdefault(wrong, str(_twice(place, name, found)))
        return faults

    def _registered(self, definition: Any) -> Any:
        """The object of that kind and name as it is registered; None when there is none."""
        from feast import Entity, FeatureService, FeatureView
        from feast.errors import FeastObjectNotFoundException

        kinds = {Entity: "get_entity", FeatureView: "get_feature_view", FeatureService: "get_feature_service"}
        try:
            return getattr(self._store.registry, kinds[type(definition)])(definition.name, self._project)
        except FeastObjectNotFoundException:
            return None

    def _changes(self, files: dict[str, list[Any]]) -> dict[str, str]:
        """Files whose definitions would change what a kept service reads."""
        from feast import FeatureView

        views = {o.name: (name, o) for name, objects in files.items() for o in objects if isinstance(o, FeatureView)}
        faults: dict[str, str] = {}
        for kept in (s for s in self._registered_services() if OF in s.tags):
            names = [projection.name for projection in kept.feature_view_projections]
            used = {name: views[name][1] if name in views else self._view(name) for name in names}
            if _digest(kept, used) != kept.tags[HASH]:
                for place in {views[name][0] for name in names if name in views}:
                    faults[place] = (
                        f"feature_repo/{place}:1: defines {sorted(used)} differently from what releases with feature "
                        f"service {kept.tags[OF]!r} were built with ({kept.name}). Leave these views as they are (new "
                        "features may be added to them) and put the change into a new feature view and a new feature "
                        "service"
                    )
        return faults

    def _registered_services(self) -> "list[feast.FeatureService]":
        from feast.errors import ProjectObjectNotFoundException

        try:
            return self._store.registry.list_feature_services(self._project)
        except ProjectObjectNotFoundException:  # nothing was applied yet
            return []

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # the registry is one file, and what is checked must still hold when it is written
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
            where = self._home / "registry.db"
            raise NotFoundError(
                f"{where} has no feature view {name!r}; registered: {known}. Define it in feature_repo/"
            ) from error

    def _service(self, name: str) -> "feast.FeatureService":
        from feast.errors import FeatureServiceNotFoundException

        try:
            return self._store.get_feature_service(name)
        except FeatureServiceNotFoundException as error:
            known = sorted(service.name for service in self._registered_services())
            raise NotFoundError(f"{self._registry} has no feature service {name!r}; registered: {known}") from error

    def _newest(self, view: "feast.FeatureView", start: datetime, end: datetime) -> pd.DataFrame:
        source = view.batch_source
        return self._store.provider.offline_store.pull_latest_from_table_or_query(
            config=self._store.config,
            data_source=source,
            join_key_columns=view.join_keys,
            feature_name_columns=[field.name for field in view.features],
            timestamp_field=source.timestamp_field,
            created_timestamp_column=source.created_timestamp_column,
            start_date=_utc(start),
            end_date=_utc(end) - timedelta(microseconds=1),  # Feast's end is inclusive
        ).to_df()

    def _write_online(self, view: "feast.FeatureView", rows: pd.DataFrame) -> None:
        rows = declared_rows(view, rows)
        if rows.empty:
            return
        try:
            self._store.provider.online_write_batch(self._store.config, view, written_values(view, rows), None)
        except AWAY as error:
            raise self._unusable(error, f"did not take the rows of {view.name}") from error

    def _unusable(self, error: Exception, what: str) -> DamagedStateError | ServiceError:
        """A store that was emptied is no store that is away: asking again does not help."""
        if "no such table" in str(error):
            return _damaged(self._home / "online.db", f"{what}: it lacks the tables of registered features ({error})")
        words = f"{what} ({type(error).__name__}: {error})"
        return ServiceError(f"the online store {words}; see `make status`, and run the task again")


def _known(
    views: "Sequence[tuple[Any, feast.FeatureView]]",
    columns: dict[str, list[Any]],
    keys: Keys,
    row: int,
    now: datetime | None,
) -> dict[str, Any]:
    """The features of one row; None where the row lacks a key of the view, and of what is then older than its ttl."""
    known = {}
    for projection, view in views:
        nothing = keys.lacks(projection, row)
        for feature in projection.features:
            at = columns[f"{feature.name}__ts"][row]
            stale = now is not None and view.ttl and _utc(now).timestamp() - at > view.ttl.total_seconds()
            known[feature.name] = None if nothing or stale else columns[feature.name][row]
    return known


def _stamps(
    views: "Sequence[tuple[Any, feast.FeatureView]]", columns: dict[str, list[Any]], keys: Keys, row: int
) -> dict[str, int | None]:
    """Since when each view's values are known, in epoch seconds; None where the row lacks a key of the view."""
    stamps = {p.name_to_use(): columns[f"{p.features[0].name}__ts"][row] for p, _ in views if p.features}
    lacking = {p.name_to_use() for p, _ in views if keys.lacks(p, row)}
    return {f"{name}__{TIME}": None if name in lacking else at or None for name, at in stamps.items()}


def _require_sound(database: Path) -> None:
    """Raises DamagedStateError for a damaged database; one that is not there is made."""
    if database.is_file() and database.stat().st_size and (fault := sqlite_proof.fault(database)):
        raise _damaged(database, fault)


def _damaged(database: Path, fault: str) -> DamagedStateError:
    way = "stop the platform (`make down`), then `moebius doctor` says what can be put back"
    return DamagedStateError(f"{database} {fault}: {way}")


def _check_events(service: "feast.FeatureService", columns: Sequence[str]) -> None:
    if TIME not in columns:
        raise DataError(f"events lack {TIME!r}, the time at which the features must be known")
    features = [f.name for projection in service.feature_view_projections for f in projection.features]
    if present := [name for name in features if name in columns]:
        raise DataError(f"events already have the feature columns {present}; drop them first")


def _reading(file: Path) -> str:
    if not file.is_file():
        raise NotFoundError(f"the file of events does not exist: {file}")
    return f"SELECT * FROM read_parquet('{for_duckdb(file.absolute()).replace(chr(39), chr(39) * 2)}')"  # noqa: S608


def _digest(service: "feast.FeatureService", views: "Mapping[str, feast.FeatureView]") -> str:
    """SHA-256 of what the service reads and how: words for people (owner, description, tags) do not count."""
    parts = [_definition(p, views[p.name]) for p in service.feature_view_projections]
    return hashlib.sha256(json.dumps(sorted(parts, key=str), sort_keys=True).encode()).hexdigest()


def _definition(projection: Any, view: "feast.FeatureView") -> dict[str, Any]:
    kinds, source = {field.name: str(field.dtype) for field in view.features}, view.batch_source
    return {
        "view": view.name,
        "alias": projection.name_alias,
        "features": {field.name: kinds.get(field.name) for field in projection.features},
        "keys": {entity.name: str(entity.dtype) for entity in view.entity_columns},
        "key_map": dict(projection.join_key_map or {}),
        "ttl": view.ttl.total_seconds() if view.ttl else 0,
        "source": [source.path, source.timestamp_field, source.created_timestamp_column, dict(source.field_mapping)],
    }


def _twice(first: str, second: str, one: Any) -> SpecError:
    return SpecError(
        f"feature_repo/{first} and feature_repo/{second} both define the {type(one).__name__} {one.name!r}, and "
        "differently; all use cases share one registry, so give one of the two another name"
    )


def _info(view: "feast.FeatureView", field: "feast.Field", services: "Sequence[feast.FeatureService]") -> FeatureInfo:
    current = [s for s in services if OF not in s.tags]
    within = [s.name for s in current if any(_has(p, view, field) for p in s.feature_view_projections)]
    return FeatureInfo(
        name=field.name,
        view=view.name,
        kind=str(field.dtype),
        description=field.description,
        owner=view.owner,
        tags={**view.tags, **field.tags},
        entity=", ".join(view.entities),
        freshness_hours=view.ttl.total_seconds() / 3600 if view.ttl else 0,
        services=sorted(within),
    )


def _has(projection: Any, view: "feast.FeatureView", field: "feast.Field") -> bool:
    return projection.name == view.name and any(f.name == field.name for f in projection.features)


def _words(feature: FeatureInfo) -> str:
    tags = " ".join(f"{key} {value}" for key, value in feature.tags.items())
    parts = (feature.name, feature.view, feature.description, feature.owner, feature.entity, tags)
    return " ".join(parts).casefold()


def _view_definition(view: "feast.FeatureView", services: "Sequence[feast.FeatureService]") -> ViewDefinition:
    return ViewDefinition(
        name=view.name,
        description=view.description,
        owner=view.owner,
        tags=dict(view.tags),
        keys=list(view.join_keys),
        features={f.name: (str(f.dtype).lower(), f.description) for f in view.features},
        services=[s.name for s in services if any(p.name == view.name for p in s.feature_view_projections)],
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
