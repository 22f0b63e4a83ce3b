"""SQLite databases of the state root, proved before they are used: none is made again where one was before."""

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from include.errors import DamagedStateError
from include.formats import sealed_text, sqlite_proof
from include.platform import identity
from include.settings import Settings

log = logging.getLogger(__name__)


class Database(NamedTuple):
    """``file`` below the state root; ``service`` uses it; ``tables`` it cannot be without; ``copied``: a copy is kept.

    ``evidence`` is a pattern of files that only a used database leaves, for state roots of earlier releases.
    ``without`` says what is lost when it is made again.
    """

    file: str
    service: str
    tables: frozenset[str]
    copied: bool
    evidence: str
    without: str
    stores: tuple[str, ...] = ()


STORES = ("stores/mlflow.json",)
"""Files that name the store that a database holds: none belongs to a database that is made again."""
DATABASES = (
    Database(
        "mlflow/mlflow.db", "mlflow", frozenset({"experiments", "runs", "registered_models", "model_versions"}), True,
        "mlflow/artifacts/*/*", "every run and model version: releases serve on, and none of them can be compared",
        STORES,
    ),
    Database(
        "mlflow/basic_auth.db", "mlflow", frozenset({"users"}), True, "",
        "logins that people made in MLflow; those of the platform are made again",
    ),
    Database(
        "airflow/airflow.db", "airflow-api", frozenset({"dag", "dag_run", "alembic_version"}), False,
        "airflow/logs/dag_id=*", "the history of runs; published data, models and releases stay",
    ),
    Database(
        "feature_store/registry.db", "", frozenset({"feature_views", "feature_services"}), True, "",
        "feature services that releases were built with: deploy again",
    ),
    Database(
        "feature_store/online.db", "", frozenset(), False, "",
        "online features, until the data pipeline of each period ran again",
    ),
)  # fmt: skip


def require(settings: Settings, running: frozenset[str] = frozenset()) -> None:
    """Prove every database whose service does not run, note it, and renew its copy.

    Raises DamagedStateError, which names the file and what to do, when one is damaged, or gone or empty although this
    state root had one.
    """
    noted = identity.read(settings).databases
    for database in (one for one in DATABASES if one.service not in running):
        path = settings.home / database.file
        if fault := fault_of(settings, database, noted):
            raise DamagedStateError(f"{path} {fault}; {_ways(path, database)}")
    note(settings)


def require_of(settings: Settings, service: str) -> None:
    """The same for the databases of one service, before it starts."""
    require(settings, frozenset(one.service for one in DATABASES if one.service != service))


def note(settings: Settings) -> None:
    """Copy the databases that there are, and remember them: from now on one that is gone or empty is an error."""
    noted, now = identity.read(settings).databases, datetime.now(UTC).isoformat(timespec="seconds")
    there = [one.file for one in DATABASES if _is_in_use(settings.home / one.file)]
    identity.note(settings, databases={file: noted.get(file) or now for file in there})
    for path in (settings.home / one.file for one in DATABASES if one.copied and one.file in there):
        _copy_if_possible(path)


def fault_of(settings: Settings, database: Database, noted: dict[str, str]) -> str:
    """Why it cannot be used; '' when it can, or was never there."""
    path = settings.home / database.file
    before = noted.get(database.file) or _used_before(settings, database)
    if (fault := fault_outside(path, before)) or sqlite_proof.fault_outside(path):
        return fault
    if inside := sqlite_proof.fault(path):
        return inside
    lacking = sorted(database.tables - sqlite_proof.tables(path)) if before else []
    return f"lacks the tables {', '.join(lacking)}, and was in use since {before}" if lacking else ""


def fault_outside(path: Path, before: str) -> str:
    """What can be seen of a database without opening it; ``before``: since when it is in use, '' when it never was."""
    fault = sqlite_proof.fault_outside(path)
    if fault in ("is gone", "is empty"):
        return f"{fault}, and was in use since {before}" if before else ""
    return fault


def _is_in_use(path: Path) -> bool:
    """Whether it has tables; a damaged one is nothing to remember."""
    try:
        return bool(sqlite_proof.tables(path))
    except sqlite3.DatabaseError:
        return False


def put_aside(path: Path) -> None:
    """Rename a database and what belongs to it to ``.<name>.damaged``."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        if (part := path.with_name(path.name + suffix)).exists():
            part.replace(path.with_name(f".{part.name}.damaged"))


def restore(settings: Settings, database: Database) -> str:
    """Put the copy in the place of the database, which stays beside it; '' without a copy, otherwise its date."""
    path = settings.home / database.file
    copy = sealed_text.copy_of(path)
    if not copy.is_file() or fault_of(settings, database._replace(file=str(copy.relative_to(settings.home))), {}):
        return ""
    put_aside(path)
    date = _date(copy)
    with closing(sqlite_proof.opened(copy)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return date


def _copy_if_possible(path: Path) -> None:
    try:
        _copy(path)
    except (sqlite3.OperationalError, OSError) as error:  # a full disk: the copy before stays
        path.with_name(f".{path.name}.aside").unlink(missing_ok=True)
        log.warning("%s has no new copy: %s", path, error)


def _copy(path: Path) -> None:
    """Copy the database whole and in one step, unless it is as it was."""
    copy = sealed_text.copy_of(path)
    parts = [part for part in (path, path.with_name(f"{path.name}-wal")) if part.exists()]
    if copy.exists() and all(part.stat().st_mtime <= copy.stat().st_mtime for part in parts):
        return
    aside = path.with_name(f".{path.name}.aside")
    aside.unlink(missing_ok=True)
    with closing(sqlite_proof.opened(path)) as source, closing(sqlite3.connect(aside)) as target:
        source.backup(target)
    aside.chmod(0o600)
    aside.replace(copy)


def _used_before(settings: Settings, database: Database) -> str:
    """In a state root of before these notes: when something came that only a used database can have left."""
    first = next(settings.home.glob(database.evidence), None) if database.evidence else None
    return _date(first) if first else ""


def _date(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _ways(path: Path, database: Database) -> str:
    copy = sealed_text.copy_of(path)
    own = f"`moebius doctor --repair` puts back the copy of {_date(copy)}; " if copy.is_file() else ""
    return (
        f"{own}restore it from your backup; or start with a new one by `moebius doctor --accept {database.file}`, "
        f"which costs {database.without}"
    )
