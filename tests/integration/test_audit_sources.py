"""What enters the audit log of commands, records and rights; without the log nothing of it happens."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from include.adapters.audit_log.verify_audit import Keys, verify_proof
from include.adapters.signatures import new_signing_key, publish_signing_key
from include.commands import main
from include.contracts.audit import AuditEvent, AuditKind
from include.contracts.tables import VersionOperation
from include.errors import DamagedStateError, ServiceError
from include.gateway import clients
from include.loop import audit
from include.platform import recorded_rights
from include.records.registry import VERSION_OPERATIONS
from include.services import audit_checks, composition
from include.services.command_events import by_command, person
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
    monkeypatch.setattr("include.process_environment.use_utc", lambda: None)
    for cached in (load_settings, composition.services):
        cached.cache_clear()
    private = new_signing_key()
    monkeypatch.setenv("MOEBIUS_APPROVAL_KEY", private)
    made = composition.services()
    publish_signing_key(made.settings.approval_public_keys, private)
    yield made
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
    assert run("audit", "checkpoint")[0] == 0
    found = tmp_path / "found"
    assert run("audit", "search", "--kind", "change", "--to", str(found))[0] == 0
    lines = (found / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"]["action"] for line in lines] == ["version_pin"]
    (proof,) = found.glob("*.proof.json")
    assert verify_proof(json.loads(proof.read_text()), Keys([services.settings.approval_public_keys])) == []
    seen = [(event.action, event.outcome) for event in events(services)[1:]]
    assert seen == [
        ("search_audit_log", "done"),
        ("search_audit_log", "done"),
        ("show_audit_event", "done"),
        ("show_audit_event", "failed"),
        ("search_audit_log", "done"),
    ]


def request(number: int, **fields: object) -> str:
    about = {"time": f"2026-01-01T00:00:{number:02}Z", "client": "shop", "route": "infer", "model": "flight_delay"}
    return json.dumps(about | {"status": 200, "refused": "-"} | fields, separators=(",", ":")) + "\n"


def test_requests_to_the_gateway_are_counted_once_for_each_client_and_outcome(services: Services) -> None:
    log = services.settings.gateway_log
    assert audit_checks.count_uses(services, "flight_delay", log) == 0, "there is no gateway yet"
    log.parent.mkdir(parents=True, exist_ok=True)
    other = request(4, model="-", client="-", route="-", refused="401", status=401)
    log.write_text(request(1) + request(2) + request(3, status=503) + other + "a warning\n" + request(5)[:20])
    assert audit_checks.count_uses(services, "flight_delay", log) == 3
    assert audit_checks.count_uses(services, "", log) == 1
    with log.open("a") as more:
        more.write(request(5)[20:] + request(6, refused="403", status=403))
    assert audit_checks.count_uses(services, "flight_delay", log) == 2
    found = [(e.by, e.action, e.usecase, e.outcome, e.facts["requests"]) for e in events(services)]
    assert sorted(found) == [
        ("anonymous", "send_request", "", "refused", 1),
        ("shop", "infer", "flight_delay", "done", 1),
        ("shop", "infer", "flight_delay", "done", 2),
        ("shop", "infer", "flight_delay", "failed", 1),
        ("shop", "infer", "flight_delay", "refused", 1),
    ]
    log.write_text(request(7))  # somebody made the log anew
    assert audit_checks.count_uses(services, "flight_delay", log) == 1


@pytest.mark.parametrize("status", ["-", "", None, "2e2", [1], {"a": 1}])
def test_a_request_whose_status_is_no_number_failed_and_stops_no_count(services: Services, status: object) -> None:
    log = services.settings.gateway_log
    log.parent.mkdir(parents=True, exist_ok=True)
    nested = request(4)[:-2] + ',"more":' + "[" * 20_000 + "\n"
    log.write_text(request(1) + request(2, status=status, client=[2]) + nested + request(3))
    assert audit_checks.count_uses(services, "flight_delay", log) == 3
    assert sorted(e.outcome for e in events(services)) == ["done", "failed"]


def test_what_has_expired_leaves_and_the_log_verifies_until_somebody_alters_it(services: Services) -> None:
    log, now = services.adapters.audit, datetime.now(UTC)
    kinds: list[AuditKind] = ["use", "decision"]
    log.append([by_command(kind, "approve") for kind in kinds])
    assert audit.sign(SPEC, services)["size"] == 2
    assert audit.forget(SPEC, services) == {}
    assert list(audit_checks.forget(services, now + timedelta(days=1100)).values()) == [1]
    assert [(event.kind, event.action) for event in log.read()] == [
        ("decision", "approve"),
        ("change", "forget_events"),
    ]
    checked = audit.verify(SPEC, services, anew=True, run="manual__1")
    known = audit_checks.last(services.adapters.state)
    assert known
    assert (known.usecase, known.run) == (SPEC.name, "manual__1"), "pages lead to the run that verified"
    assert checked["at"] == audit.verify(SPEC, services, anew=False)["at"], "it stands for the other use cases"
    day = min(services.settings.audit.glob("????-??-??.jsonl"))  # midnight may have begun another one
    day.write_text(day.read_text().replace('"approve"', '"reject"'))
    audit.verify(SPEC, services, anew=False)
    with pytest.raises(DamagedStateError, match=r"altered\n- .*entry 1"):
        audit.verify(SPEC, services, anew=True)
    with pytest.raises(DamagedStateError, match="altered"):
        audit.verify(SPEC, services, anew=False)
