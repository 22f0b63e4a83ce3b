"""The feature store: Feast over the lake's tables and an online store in SQLite or Redis (fulfils ports.FeatureStore).

State: ``registry.db`` (and ``online.db``) below ``settings.feature_store``; offline features are the lake's tables.
"""

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from sqlite3 import OperationalError
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq
import redis

from include.adapters.feature_store.definitions import Definitions
from include.adapters.feature_store.opened import damaged, opened
from include.adapters.feature_store.rows import Keys, declared_rows, written_values
from include.contracts.features import FeatureInfo, FeatureServiceRef, ViewDefinition
from include.contracts.tables import SnapshotRef, TableRef
from include.errors import DamagedStateError, DataError, NotFoundError, ServiceError
from include.formats.content import parquet_rows
from include.settings import ROOT, Settings

if TYPE_CHECKING:
    import feast

TIME = "event_timestamp"
DEFINITIONS = ROOT / "feature_repo"
AWAY = (redis.ConnectionError, redis.TimeoutError, redis.ResponseError, OperationalError)
"""What the clients of the online stores raise when they are away, full or locked; every other error is of the rows."""


class FeastFeatureStore:
    """Feast with an ASOF join on pinned Delta tables offline, SQLite or Redis online."""

    def __init__(self, settings: Settings, definitions: Path = DEFINITIONS) -> None:
        self._settings = settings
        self._definitions = Definitions(settings, definitions, lambda: self._store, self._close)

    @cached_property
    def _store(self) -> "feast.FeatureStore":
        return opened(self._settings)

    def _close(self) -> None:
        """The next question opens it anew."""
        self.__dict__.pop("_store", None)

    def apply(self) -> None:
        """Register the definitions of ``feature_repo``; see ``Definitions.apply``."""
        self._definitions.apply()

    def faults(self, file: str) -> list[str]:
        """Why this file of ``feature_repo`` cannot be registered; nothing is changed."""
        return self._definitions.faults(file)

    def keep(self, service: str) -> FeatureServiceRef:
        """Keep the service as it is now under a name of its own, for a release that is built with it (idempotent)."""
        return self._definitions.keep(service)

    def search(self, text: str = "") -> list[FeatureInfo]:
        """Features that hold every word of the text in name, view, description, owner or tags, sorted; all without."""
        return self._definitions.search(text)

    def definitions(self) -> list[ViewDefinition]:
        """Every registered feature view with its features, meanings, owner and services."""
        return self._definitions.views()

    def materialize(self, views: Sequence[str], start: datetime, end: datetime) -> None:
        """Load the newest offline values of [start, end) into the online store.

        A key whose online value is newer keeps it, so periods may be materialized in any order.
        Raises NotFoundError when a view has no offline rows at all.
        """
        for name in views:
            view = self._definitions.view(name)
            self._write_online(view, self._newest(view, start, end))
            with self._definitions.alone():
                self._store.registry.apply_materialization(view, self._settings.feature_project, _utc(start), _utc(end))
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
        self._write_online(self._definitions.view(view), rows)

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
        wanted = self._definitions.service(service)
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

        wanted = self._definitions.service(service)
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
        wanted = self._definitions.service(service)
        if not wanted.feature_view_projections:
            return [{} for _ in keys]
        views = [
            (projection, self._definitions.view(projection.name)) for projection in wanted.feature_view_projections
        ]
        typed = Keys(views, keys)
        try:
            answer = self._store.get_online_features(features=wanted, entity_rows=typed.columns)
        except AWAY as error:
            raise self._unusable(error, f"did not answer for {service}") from error
        columns = answer.to_dict(include_event_timestamps=True)
        rows = [_known(views, columns, typed, index, key.get(TIME)) for index, key in enumerate(keys)]
        return [row | _stamps(views, columns, typed, index) for index, row in enumerate(rows)] if stamped else rows

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
            return damaged(
                self._settings.feature_store / "online.db",
                f"{what}: it lacks the tables of registered features ({error})",
            )
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


def _check_events(service: "feast.FeatureService", columns: Sequence[str]) -> None:
    if TIME not in columns:
        raise DataError(f"events lack {TIME!r}, the time at which the features must be known")
    features = [f.name for projection in service.feature_view_projections for f in projection.features]
    if present := [name for name in features if name in columns]:
        raise DataError(f"events already have the feature columns {present}; drop them first")


def _reading(file: Path) -> str:
    if not file.is_file():
        raise NotFoundError(f"the file of events does not exist: {file}")
    return f"SELECT * FROM {parquet_rows(file.absolute())}"  # noqa: S608


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
