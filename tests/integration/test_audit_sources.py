"""What enters the audit log of commands, records and rights; without the log nothing of it happens."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from include.commands import main
from include.contracts.audit import AuditEvent
from include.contracts.tables import VersionOperation
from include.errors import ServiceError
from include.gateway import clients
from include.platform import recorded_rights
from include.records.registry import VERSION_OPERATIONS
from include.services import composition
from include.services.command_events import person
from include.services.composition import Services
from include.settings import Settings, load_settings
from include.specification.loader import load_usecase

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
PIN = VersionOperation.model_validate(
    {"period": "2013-01", "operation": "pin", "subject": "2013-01-0123456789ab", "at": "2026-01-01T00:00:00Z",
     "by": "olga", "why": "the auditor's", "result": {}}
)  # fmt: skip


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Those of commands, in a state root of their own."""
    monkeypatch.setenv("MOEBIUS_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("include.settings.use_utc", lambda: None)
    for cached in (load_settings, composition.services):
        cached.cache_clear()
    yield composition.services()
    for cached in (load_settings, composition.services):
        cached.cache_clear()


def events(services: Services) -> list[AuditEvent]:
    return list(services.adapters.audit.read())


def break_log(services: Services) -> None:
    """Nothing can be written where the log is."""
    services.settings.audit.parent.mkdir(parents=True, exist_ok=True)
    services.settings.audit.write_text("a file in the place of the directory")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main.app, list(arguments))
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def test_an_operation_on_versions_is_in_the_log_before_its_record(services: Services) -> None:
    VERSION_OPERATIONS.append(SPEC.name, services.adapters.lake, [PIN])
    (event,) = events(services)
    assert (event.kind, event.action, event.by, event.what) == ("change", "version_pin", "olga", PIN.subject)
    assert event.facts["record"] == "version_operations"


def test_a_record_that_the_log_does_not_take_is_not_written(services: Services) -> None:
    break_log(services)
    with pytest.raises(ServiceError, match="takes no entry"):
        VERSION_OPERATIONS.append(SPEC.name, services.adapters.lake, [PIN])
    assert VERSION_OPERATIONS.read(SPEC.name, services.adapters.lake) == []


def test_whoever_reads_rows_is_in_the_log_with_the_person_sealed(services: Services) -> None:
    rows = {"tailnum": ["N1"], "origin": ["JFK"], "period": ["2013-01"]}
    services.adapters.lake.append(SPEC.name, "events", pa.table(rows))
    where = ["--entity", "tailnum=N1", "--entity", "origin=JFK"]
    assert run("read", "flight_delay.events", "admin", *where)[0] == 0
    assert run("read", "flight_delay.events", "viewer", *where)[0] == 1
    assert run("catalog", "show", "table/events", "--usecase", "flight_delay")[0] == 1, "there is no catalog"
    read, refused, failed = events(services)
    assert (read.by, read.action, read.outcome, read.subject) == (person(), "read_table", "done", {"tailnum": "N1"})
    assert read.facts == {"role": "admin", "where": {"origin": "JFK"}}
    assert (refused.facts["role"], refused.outcome) == ("viewer", "refused")
    assert (failed.action, failed.outcome) == ("catalog_show", "failed")
    assert not [file for file in services.settings.audit.iterdir() if b'"N1"' in file.read_bytes()]


def test_rows_are_not_shown_when_the_log_does_not_take_it(services: Services) -> None:
    services.adapters.lake.append(SPEC.name, "events", pa.table({"origin": ["JFK"], "period": ["2013-01"]}))
    break_log(services)
    code, shown = run("read", "flight_delay.events", "admin")
    assert (code, "JFK" in shown, "takes no entry" in shown) == (1, False, True)


def test_rights_that_changed_are_recorded_once_and_before_they_come_into_use(services: Services) -> None:
    settings = services.settings
    first = recorded_rights.record(settings)
    assert first[:2] == ["set_logins", "set_access"]
    assert recorded_rights.record(settings) == []
    changed = settings.model_copy(update={"airflow_users": {"vera": "viewer", "engineer": "operator"}})
    assert recorded_rights.record(changed) == ["set_logins"]
    facts = events(services)[-1].facts
    assert (facts["added"], facts["changed"]) == ({"vera": "viewer"}, {"engineer": ["engineer", "operator"]})
    assert sorted(facts["removed"]) == ["approver", "auditor", "operator"]
    break_log_of_rights(services, changed)


def break_log_of_rights(services: Services, settings: Settings) -> None:
    """A client that was added to the file by hand, and a log that takes nothing."""
    settings.gateway.mkdir(parents=True)
    key = clients.add(settings.gateway_clients, "shop", {"roles": ["infer"]}, [SPEC.name])
    settings.audit.rename(settings.home / "away")
    break_log(services)
    with pytest.raises(ServiceError, match="takes no entry"):
        recorded_rights.record(settings)
    settings.audit.unlink()
    (settings.home / "away").rename(settings.audit)
    assert recorded_rights.record(settings) == ["set_gateway_clients"]
    assert key not in events(services)[-1].model_dump_json()


def test_the_log_is_searched_shown_and_written_to_a_file_and_the_search_is_in_it(
    services: Services, tmp_path: Path
) -> None:
    VERSION_OPERATIONS.append(SPEC.name, services.adapters.lake, [PIN])
    place = f"{next(services.adapters.audit.entries()).day}/0"
    code, shown = run("audit", "search", "auditor's", "--by", "olga", "--since", "1d", "--format", "json")
    assert (code, '"version_pin"' in shown, place in shown) == (0, True, True)
    assert "0 events" in run("audit", "search", "--as", "engineer", "--by", "olga", "--format", "json")[1]
    assert json.loads(run("audit", "show", place)[1])["event"]["reason"] == "the auditor's"
    assert run("audit", "show", place, "--as", "engineer")[0] == 1
    assert run("audit", "search", "--kind", "gossip")[0] == 2
    file = tmp_path / "found.jsonl"
    assert run("audit", "search", "--kind", "change", "--to", str(file))[0] == 0
    assert [json.loads(line)["event"]["action"] for line in file.read_text().splitlines()] == ["version_pin"]
    seen = [(event.action, event.outcome) for event in events(services)[1:]]
    assert seen == [
        ("search_audit_log", "done"),
        ("search_audit_log", "done"),
        ("show_audit_event", "done"),
        ("show_audit_event", "failed"),
        ("search_audit_log", "done"),
    ]
