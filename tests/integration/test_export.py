"""Tables of a real lake, as each role reads and exports them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.commands.read import read
from include.contracts.governance import ExportManifest
from include.contracts.period import Period
from include.errors import AccessError, MissingPeriodError, NotFoundError, SettingsError
from include.loop import export
from include.services import composition, export_log
from include.services.composition import Services
from include.settings import load_settings
from include.specification import loader
from tests.integration.environments_fixtures import ANSWER, USERS, Environments, environments

pytestmark = pytest.mark.integration
JANUARY = [Period("2013-01")]
EVENTS = pa.table({"flight_id": ["a", "b"], "tailnum": ["k01:aa", "k01:bb"], "late": [1, 0]})
BY_PAULA = {"chosen_options": ["Approve"], "responded_by_user": {"id": "paula", "name": "paula"}}
RECIPIENTS = {"auditor": {"role": "admin"}, "press": {"role": "viewer"}, "dev": {"role": "operator"}}


@pytest.fixture
def both(tmp_path: Path) -> Environments:
    """A lake with two events; tail numbers are personal. The auditor's key is dev's."""
    both = environments(tmp_path, recipients=RECIPIENTS, airflow_users={**USERS, "paula": "admin"})
    both.prod.adapters.lake.publish(both.spec.name, "events", EVENTS, "2013-01")
    recipients = both.prod.settings.exchange / "recipients"
    for name in ("auditor", "press"):
        (recipients / f"{name}.pub").write_text((recipients / "dev.pub").read_text())
    return both


def exported(both: Environments, recipient: str, asked_by: str, name: str = "events") -> ExportManifest:
    asked = export.ask(both.spec, both.prod, name, JANUARY, recipient, "why", asked_by)
    return export.export(both.spec, both.prod, asked, BY_PAULA, f"{recipient}-{asked_by}")


def read_back(both: Environments, manifest: ExportManifest, directory: Path) -> pa.Table:
    private = both.dev.settings.private_key_text()
    both.prod.adapters.exports.unpack(both.spec.name, manifest.name, private, directory)
    return pq.read_table(directory / "2013-01" / "events.parquet")


@pytest.mark.parametrize(
    ("recipient", "asked_by", "columns"),
    [
        ("auditor", "admin", ["flight_id", "tailnum", "late", "period"]),
        ("auditor", "uwe", ["flight_id", "late", "period"]),
        ("press", "admin", ["flight_id", "late", "period"]),
        ("press", "vera", ["flight_id", "late", "period"]),
    ],
)
def test_what_leaves_is_what_both_may_read(
    both: Environments, tmp_path: Path, recipient: str, asked_by: str, columns: list[str]
) -> None:
    manifest = exported(both, recipient, asked_by)
    rows = read_back(both, manifest, tmp_path / "open")
    assert rows.column_names == columns
    assert rows.num_rows == 2
    (record,) = export_log.recorded(both.spec, both.prod)
    assert (record.recipient, record.requested_by, record.rows) == (recipient, asked_by, 2)
    assert record.files[0].columns == columns


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"recipient": "nobody"}, AccessError, r"'nobody' is not a recipient .*\['auditor', 'dev', 'press'\]"),
        ({"table": "evnts"}, AccessError, "flight_delay has no table 'evnts'"),
        ({"table": "weather"}, NotFoundError, "weather is not in the lake yet"),
        ({"periods": [Period("2013-02")]}, MissingPeriodError, r"no rows of 2013-02; it has 2013-01"),
        ({"periods": []}, MissingPeriodError, "no period to export"),
        ({"asked_by": "eve"}, SettingsError, "the login 'eve' has no role"),
    ],
)
def test_what_cannot_be_exported_is_named_and_leaves_no_trace(
    both: Environments, options: dict, error: type[Exception], message: str
) -> None:
    asked = {"table": "events", "periods": JANUARY, "recipient": "press", "reason": "", "asked_by": "admin"}
    with pytest.raises(error, match=message):
        export.ask(both.spec, both.prod, **{**asked, **options})
    assert both.prod.adapters.exports.names(both.spec.name) == []
    assert export_log.recorded(both.spec, both.prod) == []


def test_who_may_not_read_what_leaves_cannot_approve_it(both: Environments) -> None:
    asked = export.ask(both.spec, both.prod, "events", JANUARY, "auditor", "why", "admin")
    with pytest.raises(AccessError, match=r"'olga' \(role 'operator'\) may not read all of .*tailnum"):
        export.export(both.spec, both.prod, asked, ANSWER, "r")
    assert both.prod.adapters.exports.names(both.spec.name) == []


def test_a_table_that_is_closed_to_a_role_is_neither_read_nor_exported(both: Environments) -> None:
    closed = both.prod.settings.model_copy(update={"table_access": {"flight_delay.events": {"viewer": "none"}}})
    services = Services(closed)
    with pytest.raises(AccessError, match=r"role 'viewer' reads flight_delay\.events up to class 'none'"):
        export.read_as(both.spec, services, "viewer", "events")
    assert export.read_as(both.spec, services, "operator", "events").num_rows == 2
    with pytest.raises(AccessError, match="'viewer'"):
        export.ask(both.spec, services, "events", JANUARY, "press", "why", "admin")


def test_a_rule_for_a_table_that_there_is_not_is_refused(both: Environments) -> None:
    wrong = both.prod.settings.model_copy(update={"table_access": {"flight_delay.evnts": {"viewer": "none"}}})
    with pytest.raises(AccessError, match=r"MOEBIUS_TABLE_ACCESS names the tables \['flight_delay.evnts'\]"):
        export.read_as(both.spec, Services(wrong), "viewer", "events")


def test_the_command_shows_a_role_its_columns(
    both: Environments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(composition, "services", lambda: both.prod)
    monkeypatch.setattr(loader, "load_usecase", lambda name: both.spec)
    read("flight_delay.events", "viewer")
    shown = capsys.readouterr().out
    assert "late" in shown
    assert "tailnum" not in shown
    with pytest.raises(AccessError, match="there is no role 'guest'"):
        read("flight_delay.events", "guest", "2013-01")


def test_settings_of_access_that_cannot_be_used_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBIUS_ACCESS", '{"viewer": "secret"}')
    load_settings.cache_clear()
    with pytest.raises(SettingsError, match=r"MOEBIUS_ACCESS_VIEWER='secret'.*'public'"):
        load_settings()
    load_settings.cache_clear()
