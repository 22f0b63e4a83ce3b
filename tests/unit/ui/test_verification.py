"""The last verification of the audit log, beside what it proves on the pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from include.contracts.audit import Checkpoint, PredictionBatch, SignedCheckpoint
from include.contracts.audit_check import AuditCheck
from include.services import audit_checks
from include.services.composition import Services
from include.specification.loader import load_usecase
from tests.unit.fakes.approvals import approve
from tests.unit.ui.clients import Client, client, services

SPEC, AT = load_usecase("flight_delay"), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
__all__ = ["client", "services"]


def verified(services: Services, *faults: str, at: datetime | None = None, **about: Any) -> None:
    counts = {"entries": 0, "approvals": 12, "predictions": 3400}
    check = AuditCheck(at=at or datetime.now(UTC), faults=[*faults], counts=counts, **about)
    services.adapters.state.put(audit_checks.KEY, check.model_dump_json())


def test_a_checkpoint_that_the_verification_does_not_count_is_said_to_be_signed_after_it(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified(services, at=AT)
    later = Checkpoint(
        log="l", number=2, previous="", at=AT + timedelta(minutes=1), day="2026-01-02", size=1727, root=""
    )
    signed = SignedCheckpoint(content=later.content, signature="", key="")
    monkeypatch.setattr(services.adapters.audit, "checkpoints", lambda: [signed])
    page = client().get("/audit/").text
    assert "number 2 signs the first 1,727 entries" in page
    assert "It was signed after the last verification" in page
    verified(services, at=AT + timedelta(minutes=2))
    assert "It was signed after the last verification" not in client().get("/audit/").text


PROVED = ["/audit/", "/approvals/flight_delay", "/predictions/flight_delay", "/compliance/"]
"""Pages that show what the verification proves."""


@pytest.fixture
def recorded(services: Services) -> None:
    """An approval and predictions, so that there is something to verify."""
    approve(services, SPEC, 2)
    services.adapters.lake.append(SPEC.name, "predictions", pa.table({"request_id": ["q1"], "period": ["2013-01"]}))


def logged(services: Services, rows: int) -> None:
    batch = PredictionBatch(usecase=SPEC.name, table="predictions", size=rows, root="ab", columns={})
    services.adapters.audit.append_batch(batch, b"")


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("path", PROVED)
def test_a_page_says_when_which_run_verified_what_it_shows_and_what_it_found(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    assert "The log was not verified yet." in client().get(path).text
    monkeypatch.setattr(services.adapters.audit, "size", lambda: 0)
    now = datetime.now(UTC)
    verified(services, usecase="flight_arrivals", run="manual__2026-01-02T03:00:00+00:00_ab", at=now)
    page = client().get(path).text
    assert "Nothing was altered" in page
    assert f"{now:%Y-%m-%d %H:%M} UTC" in page
    assert "flight_arrivals.audit/runs/manual__2026-01-02T03%3A00%3A00%2B00%3A00_ab" in page
    assert "the whole log and the records of every use case" in page
    assert "3,400" in page
    verified(services, "audit/2026-01-01.jsonl: entry 1 was <changed>")
    page = client().get(path).text
    assert "1 faults were found" in page
    assert ("entry 1 was &lt;changed&gt;" in page) == (path == "/audit/"), "what it names is for auditors"
    services.adapters.state.put(audit_checks.KEY, "{")
    assert "is no AuditCheck" in client().get(path).text


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("path", "newer"),
    [
        ("/approvals/flight_delay", "3 entries of approvals."),
        ("/predictions/flight_delay", "4,000 predictions."),
        ("/compliance/", "3 entries of approvals, 4,000 predictions."),
    ],
)
def test_what_is_newer_than_the_verification_is_counted_and_nothing_is_green(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch, path: str, newer: str
) -> None:
    logged(services, 4000)
    monkeypatch.setattr(services.adapters.audit, "size", lambda: 4)
    verified(services, at=datetime.now(UTC) - timedelta(hours=1))
    page = client().get(path).text
    assert newer in page
    assert "Nothing was altered" not in page
    assert "Not all is verified" in page.partition('class="mark none"')[2]
    verified(services, at=AT - timedelta(days=900))
    assert "Not all is verified" in client().get(path).text.partition('class="mark watch"')[2]


@pytest.mark.usefixtures("recorded")
def test_the_log_goes_on_with_every_look_and_what_was_verified_stays_so(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.adapters.audit, "size", lambda: 4)
    verified(services, at=datetime.now(UTC) - timedelta(hours=1))
    page = client().get("/audit/").text
    assert "Nothing was altered" in page.partition('class="mark good"')[2]
    assert "Since then, for the next verification: 4 entries of the log" in page
    verified(services, at=AT - timedelta(days=900))
    assert "Not all is verified" in client().get("/audit/").text.partition('class="mark watch"')[2]


@pytest.mark.usefixtures("recorded")
def test_an_old_verification_is_not_green_and_without_records_there_is_nothing_to_verify(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.adapters.audit, "size", lambda: 0)
    verified(services, at=datetime.now(UTC) - timedelta(days=3))
    assert "Not verified for more than a day" in client().get("/audit/").text
    verified(services)
    for path in ("/approvals/aircraft_segment", "/predictions/aircraft_segment"):
        page = client().get(path).text
        assert "There is nothing to verify yet." in page
        assert "Nothing was altered" not in page


def test_a_role_that_does_not_read_the_record_sees_what_is_newer_in_the_log(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.adapters.audit, "size", lambda: 4)
    verified(services)
    assert "4 entries of the log" in client("viewer").get("/approvals/flight_delay").text


@pytest.mark.parametrize("path", PROVED)
def test_verify_now_is_a_button_for_the_roles_that_may(client: Client, path: str) -> None:
    where = "/actions/flight_delay/verify" if "flight_delay" in path else "/verify"
    assert where in client("auditor").get(path).text
    assert "/verify" not in client("engineer").get(path).text


def test_a_page_of_no_use_case_says_whose_dag_verifies_the_whole_log(client: Client, services: Services) -> None:
    assert "Verify the whole log now, by aircraft_segment.audit" in client().get("/audit/").text
    verified(services, usecase="flight_delay")
    assert "Verify the whole log now, by flight_delay.audit" in client().get("/audit/").text
    page = client().get("/audit/", params={"usecase": "flight_arrivals"}).text
    assert "/actions/flight_arrivals/verify" in page
    assert "/actions/flight_delay/verify" in client().get("/audit/", params={"usecase": "nobody"}).text
