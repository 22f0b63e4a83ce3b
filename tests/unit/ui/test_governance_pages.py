"""Pages over what governance recorded: approvals, compliance, access, the audit log, answers."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.contracts.access_review import AccessReview, ReviewedAccess
from include.contracts.audit import AuditEntry, AuditEvent, PredictionBatch
from include.contracts.compliance import Bundle, Chapter, Gap, Item, Section
from include.contracts.found_answers import Explanation, FoundAnswer, FoundAnswers, Truth
from include.errors import AccessError, ServiceError
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.ui.access import Reader
from include.ui.charts import access_review, approvals, audit, predictions
from include.ui.pages import predictions as predictions_page
from include.ui.pages.access_review import rights
from include.ui.pages.compliance import made
from tests.unit.fakes.approvals import approve, judge
from tests.unit.ui.clients import Client, client, services, signature

SPEC, AT = load_usecase("flight_delay"), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
__all__ = ["client", "services"]


# -- approvals
def test_an_open_question_says_who_may_answer_and_who_may_not(client: Client, services: Services) -> None:
    judge(services, SPEC, 2, people=["engineer"])
    page = client().get("/approvals/flight_delay").text
    assert "approver" in page
    assert "<dd>engineer</dd>" in page
    assert "0 of 1 people" in page
    assert "No question is open." not in page


def test_the_record_is_shown_with_the_hash_of_its_verdict(client: Client, services: Services) -> None:
    entry = approve(services, SPEC, 2)
    page = client().get("/approvals/flight_delay").text
    assert "No question is open." in page
    assert entry.reason in page
    verdict = next(e for e in services.approvals.history(SPEC) if e.event == "verdict").verdict
    assert verdict[:12] in page
    assert f'title="{verdict}"' in page


def test_a_role_that_does_not_read_approvals_is_told_so(client: Client, services: Services) -> None:
    approve(services, SPEC, 2)
    page = client("viewer").get("/approvals/flight_delay").text
    assert "the role viewer does not read the table approvals" in page
    assert "it is better" not in page


# -- compliance
def bundle(services: Services, release: str = "r0001") -> str:
    gaps = [Gap(because="nobody <wrote> it", give="write it")]
    items = [
        Item(key="a.1", reference="Article 1", title="one", state="missing", gaps=gaps),
        Item(key="a.2", reference="Article 2", title="two", state="evidenced"),
    ]
    chapter = Chapter(
        key="a", title="A", source="https://a", checked_on=AT.date(), checked_against="x", dates=[], open=[],
        sections=[Section(key="a", title="s", items=items)],
    )  # fmt: skip
    made = Bundle(
        usecase=SPEC.name, title="t", environment="prod", release=release, model_version=1, made_at=AT, notice="n",
        chapters=[chapter],
    ).sealed()  # fmt: skip
    name = f"{release}-{AT:%Y%m%dT%H%M%S.%f}Z"
    directory = services.settings.compliance / SPEC.name / name
    directory.mkdir(parents=True)
    (directory / "bundle.json").write_text(made.model_dump_json())
    return name


def test_a_bundle_says_what_it_lacks_and_can_be_had(client: Client, services: Services) -> None:
    name = bundle(services)
    page = client().get("/compliance/").text
    assert "nobody &lt;wrote&gt; it" in page
    assert "What is missing (1 items)" in page
    file = client().get(f"/compliance/flight_delay/{name}/bundle.json")
    assert json.loads(file.text)["release"] == "r0001"
    assert "attachment" in file.headers["content-disposition"]


@pytest.mark.parametrize("path", ["../x/bundle.json", "r0001/bundle.json", "{name}/manifest.json", "{name}/bundle.pdf"])
def test_nothing_but_the_files_of_a_bundle_is_given_away(client: Client, services: Services, path: str) -> None:
    answer = client().get(f"/compliance/flight_delay/{path.format(name=bundle(services))}")
    assert answer.status_code == 404


def test_a_viewer_sees_laws_and_no_bundle(client: Client, services: Services) -> None:
    name = bundle(services)
    page = client("viewer").get("/compliance/").text
    assert "Artificial Intelligence Act" in page
    assert "does not read what a bundle tells of" in page
    assert "nobody" not in page
    assert client("viewer").get(f"/compliance/flight_delay/{name}/bundle.json").status_code == 403


def test_a_damaged_bundle_is_named_and_the_page_is_there(client: Client, services: Services) -> None:
    (services.settings.compliance / SPEC.name / bundle(services) / "bundle.json").write_text("{}")
    assert "is no Bundle" in client().get("/compliance/").text


def test_bundles_are_listed_newest_first_and_other_directories_are_not(tmp_path: Path) -> None:
    for name in ("r0001-20260102T030405.000000Z", "r0002-20260101T030405.000000Z", "r1", ".aside"):
        (tmp_path / name).mkdir()
    assert [(one.release, one.at.day) for one in made(tmp_path)] == [("r0001", 2), ("r0002", 1)]


# -- access
def test_without_a_review_the_page_says_how_to_make_one(client: Client) -> None:
    page = client().get("/access/").text
    assert "Access was not reviewed yet." in page
    assert "moebius access review" in page


def test_findings_and_last_uses_of_the_newest_review_are_shown(client: Client, services: Services) -> None:
    entries = [
        ReviewedAccess(
            kind="login", name="admin", role="admin", may="all", used_at=AT, findings=["<default> password"]
        ),
        ReviewedAccess(kind="recipient", name="lab", role="viewer", may="exports"),
    ]
    services.settings.access_reviews.mkdir(parents=True)
    for day, found in ((1, entries[1:]), (2, entries)):
        review = AccessReview(at=AT, environment="prod", since=None, entries=found)
        (services.settings.access_reviews / f"2026-01-0{day}.json").write_text(review.model_dump_json())
    page = client().get("/access/").text
    assert "&lt;default&gt; password" in page
    assert "1 findings" in page
    assert "2026-01-02 03:04 UTC" in page
    assert "Logins that came since the review:" in page
    assert "lab" in page
    (services.settings.access_reviews / "2026-01-03.json").write_text("{")
    assert "is no AccessReview" in client().get("/access/").text


def test_rights_are_counted_by_role() -> None:
    counted = rights({"admin": "personal", "viewer": "public"})
    assert counted["viewer"]["trigger"] == 0 < counted["admin"]["trigger"]


# -- the audit log
def entry(day: int, kind: str) -> AuditEntry:
    event = AuditEvent(at=AT + timedelta(days=day), kind=kind, action="a", by="ada", via="page")  # type: ignore[arg-type]
    return AuditEntry(day="2026-01-02", number=day, event=event)


def test_the_audit_page_shows_what_was_written_last_and_counts_the_rest_by_day(
    client: Client, services: Services
) -> None:
    now = datetime.now(UTC)
    events = [entry(0, "use").event, entry(1, "access").event]
    told = [one.model_copy(update={"at": now, "by": f"login {n}"}) for n, one in enumerate(events) if one]
    services.adapters.audit.append(told)
    page = client().get("/audit/").text
    assert "The log was not verified yet." in page
    assert "2 events since" in page
    assert page.index("login 1") < page.index("login 0")
    assert "login 0" not in client().get("/audit/", params={"kind": "access"}).text
    assert client("viewer").get("/audit/").status_code == 403
    assert client().get("/audit/", params={"kind": "x"}).status_code == 422


def test_a_batch_of_predictions_is_an_entry_of_the_audit_page_so_no_number_is_missing(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    batch = PredictionBatch(usecase=SPEC.name, table="predictions", size=4000, root="ab", columns={})
    entries = [AuditEntry(day="2026-01-01", number=n, at=now, batch=batch) for n in (4, 5)]
    log = services.adapters.audit
    monkeypatch.setattr(log, "newest", lambda since: iter(entries))
    monkeypatch.setattr(log, "entries", lambda *_: iter([*entries, AuditEntry(day="2026-01-01", number=6)]))
    monkeypatch.setattr(log, "forgotten", lambda since: 31)
    for page in (client().get("/audit/").text, client().get("/audit/", params={"action": "log_answers"}).text):
        assert "2026-01-01/4<" in page
        assert "2026-01-01/5<" in page
        assert "4,000 rows of table predictions" in page
        assert "Of 31 entries only the hashes are left" in page


# -- answers
FOUND = FoundAnswers(
    usecase=SPEC.name, role="auditor", more=False, hidden={"predictions": ["tailnum"]},
    answers=[
        FoundAnswer(
            source="served", release="r0001", request_id="q1", answered_at=AT, columns={"origin": "<EWR>"},
            truth=Truth(state="not_due"),
            explanation=Explanation(method="m", of="score", reference=0.1, answer=0.3, effects={"a": 0.2, "b": -0.4}),
        )
    ],
)  # fmt: skip


def asked(**fields: str) -> dict[str, str]:
    return {"signature": signature("look", SPEC.name), "key": "flight_id", "value": "UA1"} | fields


def test_found_answers_are_shown_as_the_role_reads_them(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions_page, "looked", lambda spec, reader, form: FOUND)
    page = client().post("/predictions/flight_delay", data=asked()).text
    assert "local date, carrier and number, airport, scheduled departure" in page, "how a flight is named"
    assert "&lt;EWR&gt;" in page
    assert "not due yet" in page
    assert "q1" in page
    assert "Not shown to the role auditor:" in page
    assert "tailnum" in page


def test_a_look_that_is_refused_says_why(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise AccessError("the role reads <nothing> of it")

    monkeypatch.setattr(predictions_page, "looked", refused)
    assert "the role reads &lt;nothing&gt; of it" in client().post("/predictions/flight_delay", data=asked()).text


def test_a_look_needs_the_form_of_our_own_page(client: Client, services: Services) -> None:
    assert client().post("/predictions/flight_delay", data=asked(signature="x")).status_code == 403
    assert services.adapters.audit.events == []  # type: ignore[attr-defined]


def test_a_look_without_answers_is_audited_and_names_why(client: Client, services: Services) -> None:
    page = client().post("/predictions/flight_delay", data=asked()).text
    assert "nothing was answered yet" in page
    told = services.adapters.audit.events  # type: ignore[attr-defined]
    assert [(e.action, e.by, e.outcome) for e in told] == [("look_at_predictions", "ada", "failed")]
    assert "UA1" not in client().get("/predictions/flight_delay").text


def test_a_process_that_cannot_explain_is_named(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions_page, "PROGRAM", ["false"])
    form = predictions_page.Looking(key="flight_id", value="x", explain=True)
    with pytest.raises(ServiceError, match="could not be explained"):
        predictions_page.looked(SPEC, Reader(services, "ada", "auditor"), form)


# -- pictures
def test_every_kind_of_entry_has_a_shape_of_its_own() -> None:
    drawn = approvals.record([{"at": "2026", "version": 1, "kind": "judged", "said": "s"}], approvals.KINDS, 340)
    scales = [drawn["encoding"][channel]["scale"]["range"] for channel in ("shape", "color")]
    assert [len(set(scale)) for scale in scales] == [5, 5]


def test_pictures_say_their_rows() -> None:
    day = {"day": "01-02", "kind": "use", "count": 1, "said": "one"}
    role = {"role": "viewer", "action": "look", "count": 3, "said": "three"}
    effect = {"feature": "a", "effect": -0.1, "said": "a"}
    for drawn in (
        audit.days([day], audit.KINDS, 1000), access_review.matrix([role], ["look"], 30, 340),
        predictions.effects([effect], 1000),
    ):  # fmt: skip
        assert drawn["data"]["values"][0]["said"] in ("one", "three", "a")
