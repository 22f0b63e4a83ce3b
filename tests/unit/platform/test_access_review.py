"""The review is gathered from settings, client file, MLflow's logins and the audit log, and is itself in the log."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from include.contracts.access_review import Kind
from include.contracts.audit import AuditEvent
from include.gateway import clients
from include.platform import access_review
from include.settings import Recipient, Settings
from tests.unit.fakes.adapters import services_in

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOG = """\
NOTICE: started
{"time":"2025-12-30T10:00:00Z","id":"a","client":"shop","refused":""}
{"time":"2025-12-31T10:00:00Z","id":"b","client":"shop","refused":""}
{"time":"2026-01-01T10:00:00Z","id":"c","client":"shop","refused":"429"}
{"time":"2026-01-01T11:00:00Z","id":"d","client":"-","refused":"401"}
{"time":"2026-01-01T11:
"""


def event(by: str, day: int, outcome: str = "done") -> AuditEvent:
    about = {"at": datetime(2025, 12, day, tzinfo=UTC), "kind": "access", "action": "open_page", "via": "page"}
    return AuditEvent.model_validate(about | {"by": by, "outcome": outcome})


def test_every_way_in_has_its_last_use_and_the_review_is_kept_and_logged(tmp_path: Path) -> None:
    services = services_in(tmp_path, recipients={"press": Recipient(role="viewer")})
    settings, audit = services.settings, services.adapters.audit
    audit.append([event("engineer", 1), event("engineer", 9), event("auditor", 10, "refused")])
    clients.add(settings.gateway_clients, "shop", {"owner": "engineer"}, ["flight_delay"])
    (tmp_path / "platform" / "log").mkdir(parents=True)
    (tmp_path / "platform" / "log" / "gateway.log").write_text(LOG)
    (tmp_path / "mlflow").mkdir()
    with closing(sqlite3.connect(tmp_path / "mlflow" / "basic_auth.db")) as database, database:
        database.execute("CREATE TABLE users (username TEXT, is_admin INTEGER)")
        database.execute("INSERT INTO users VALUES ('admin', 1), ('eve', 0)")

    made = access_review.make(services, AT)
    used: dict[tuple[Kind, str], datetime | None] = {(one.kind, one.name): one.used_at for one in made.entries}
    assert used["login", "engineer"] == datetime(2025, 12, 9, tzinfo=UTC)
    assert used["login", "auditor"] is None, "a refusal is no use"
    assert used["gateway client", "shop"] == datetime(2025, 12, 31, 10, tzinfo=UTC)
    assert ("recipient", "press") in used
    assert ("login", "admin") in used
    assert made.since == datetime(2025, 12, 1, tzinfo=UTC)
    assert [one.name for one in made.entries if one.kind == "MLflow login" and one.findings] == ["eve"]

    file = access_review.keep(services, made, "root")
    assert file == tmp_path / "access" / "2026-01-01T120000Z.json"
    assert file.stat().st_mode & 0o77 == 0
    assert json.loads(file.read_text())["entries"] == made.json_dict()["entries"]
    kept = [one for one in audit.read() if one.action == "review_access"]
    assert [(one.by, one.facts["sha256"]) for one in kept] == [("root", sha256(file.read_bytes()).hexdigest())]


def test_a_new_platform_has_logins_and_no_uses(tmp_path: Path) -> None:
    made = access_review.make(services_in(tmp_path), AT)
    assert made.since is None
    assert {one.kind for one in made.entries} == {"login"}
    public = [one.name for one in made.entries if any("public default" in finding for finding in one.findings)]
    assert public == [Settings().airflow_user]
    changed = access_review.make(services_in(tmp_path, airflow_password="of-the-tests-only"), AT)
    assert not [one for one in changed.entries if any("public default" in finding for finding in one.findings)]
