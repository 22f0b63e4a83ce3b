"""Feast's own store, opened over the lake's tables, a registry in SQLite and an online store in SQLite or Redis."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import DamagedStateError, ServiceError
from include.formats import sqlite_proof
from include.formats.sqlite_files import WAIT_SECONDS, share_file, sqlite_url
from include.settings import Settings

if TYPE_CHECKING:
    import feast

STORES = "include.adapters."


def opened(settings: Settings) -> "feast.FeatureStore":
    """Feast's own store; DamagedStateError for a damaged database, ServiceError for one that cannot be used now."""
    from feast import FeatureStore
    from feast.repo_config import RepoConfig
    from sqlalchemy.exc import SQLAlchemyError

    home = settings.feature_store
    registry_file = home / "registry.db"
    home.mkdir(parents=True, exist_ok=True)
    for database in (registry_file, home / "online.db"):
        _require_sound(database)
    share_file(registry_file)
    registry = {
        "registry_type": "sql",
        "path": sqlite_url(registry_file),
        "cache_ttl_seconds": 60,
        "sqlalchemy_config_kwargs": {"echo": False, "connect_args": {"timeout": WAIT_SECONDS}},
    }
    config = RepoConfig(
        project=settings.feature_project,
        provider="local",
        registry=registry,
        offline_store=_offline(settings),
        online_store=_online(settings),
        entity_key_serialization_version=3,
        repo_path=settings.home,
    )
    store = FeatureStore(config=config)
    try:
        _ = store.registry  # Feast opens it with the first question: now, so that its errors have a name
    except SQLAlchemyError as error:  # its text has the statement too
        what = f"{registry_file} cannot be used now ({str(error).splitlines()[0]})"
        raise ServiceError(f"{what}; run it again") from error
    return store


def _offline(settings: Settings) -> dict[str, Any]:
    return {
        "type": f"{STORES}asof.store.AsofOfflineStore",
        "lake": str(settings.lake),
        "snapshots": str(settings.snapshots),
        "memory_limit": settings.memory_limit,
        "spill": str(settings.staging),
    }


def _online(settings: Settings) -> dict[str, Any]:
    if settings.online_store == "redis":
        kind = f"{STORES}redis_online_store.NewestRedisOnlineStore"
        return {"type": kind, "connection_string": settings.redis_address}
    return {
        "type": f"{STORES}sqlite_online_store.NewestSqliteOnlineStore",
        "path": str(settings.feature_store / "online.db"),
    }


def _require_sound(database: Path) -> None:
    """Raises DamagedStateError for a damaged database; one that is not there is made."""
    if database.is_file() and database.stat().st_size and (fault := sqlite_proof.fault(database)):
        raise damaged(database, fault)


def damaged(database: Path, fault: str) -> DamagedStateError:
    """The error of a database that holds something else than what was written."""
    way = "stop the platform (`make down`), then `moebius doctor` says what can be put back"
    return DamagedStateError(f"{database} {fault}: {way}")
