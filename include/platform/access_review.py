"""Gathers every way into the platform with its last use, and keeps the review as a file that the audit log names."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from include.adapters.experiment_server import ADMIN, directory
from include.contracts.access_review import AccessReview, Kind
from include.contracts.audit import AuditEvent
from include.errors import ServiceError
from include.formats.atomic_file import write_atomically
from include.gateway import clients
from include.governance.access_review import Ways, review
from include.platform.supervisor import Supervisor
from include.services import export_log
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import specifications, usecase_names

LOOKED_BACK = timedelta(days=400)
Uses = dict[tuple[Kind, str], datetime]


def make(services: Services, at: datetime) -> AccessReview:
    """The review as of now. Raises what reading the audit log, the client file or MLflow's logins raises."""
    settings, used = services.settings, Uses()
    since: datetime | None = None
    for event in services.adapters.audit.read(since=at - LOOKED_BACK):
        since = min(since or event.at, event.at)
        if event.outcome == "done":
            _note(used, "gateway client" if event.via == "gateway" else "login", event.by, event.at)
    for name, when in _gateway_uses(Supervisor(settings.home / "platform", settings.host).log("gateway")):
        since = min(since or when, when)
        _note(used, "gateway client", name, when)
    for spec in specifications().good.values():
        for export in export_log.recorded(spec, services):
            _note(used, "recipient", export.recipient, export.created_at)
    return review(_ways(settings), used, since, at, settings.environment)


def keep(services: Services, made: AccessReview, by: str) -> Path:
    """Write the review below ``<home>/access``; an event of the audit log has its hash, so a later change is found.

    Raises ServiceError when the log takes no entry.
    """
    text = json.dumps(made.json_dict(), indent=1, ensure_ascii=False)
    file = services.settings.access_reviews / f"{made.at:%Y-%m-%dT%H%M%SZ}.json"
    facts = {"findings": made.findings, "sha256": sha256(text.encode()).hexdigest()}
    seen = AuditEvent(at=made.at, kind="access", action="review_access", by=by, via="command", facts=facts)
    services.adapters.audit.append([seen.model_copy(update={"what": f"access review {file.stem}"})])
    write_atomically(file, text, private=True)
    return file


def _note(used: Uses, kind: Kind, name: str, at: datetime) -> None:
    used[kind, name] = max(used.get((kind, name), at), at)


def _ways(settings: Settings) -> Ways:
    public = settings.airflow_password == type(settings).model_fields["airflow_password"].default
    return Ways(
        logins=settings.roles,
        clients=clients.load(settings.gateway_clients, usecase_names()),
        experiment=_experiment_logins(settings),
        technical=frozenset({ADMIN, settings.mlflow_user}),
        recipients={name: one.role for name, one in settings.recipients.items()},
        levels=settings.access,
        default_password=settings.airflow_user if public else "",
    )


def _experiment_logins(settings: Settings) -> dict[str, bool]:
    """Those of the embedded MLflow; none before its first start."""
    file = directory(settings) / "basic_auth.db"
    if not file.is_file():
        return {}
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro".replace("%", "%25"), uri=True, timeout=30)) as database:
            return {name: bool(admin) for name, admin in database.execute("SELECT username, is_admin FROM users")}
    except sqlite3.Error as error:
        raise ServiceError(f"MLflow's logins in {file} cannot be read: {error}; see `moebius doctor`") from error


def _gateway_uses(log: Path) -> Iterator[tuple[str, datetime]]:
    """Client and time of each answered request that the gateway's log has; a line that is none of it is left out."""
    if not log.is_file():
        return
    with log.open(errors="replace") as lines:
        for line in lines:
            if line.startswith('{"time":'):
                try:
                    request = json.loads(line)
                    if request["client"] not in ("", "-") and request["refused"] in ("", "-"):
                        yield request["client"], datetime.fromisoformat(request["time"])
                except (ValueError, KeyError):  # half a line, of a process that was killed
                    continue
