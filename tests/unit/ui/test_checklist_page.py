"""The checklist: states from evidence, assessments by those who may, files that leave and come back."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from include.contracts.operations import RecordedDecision, RetrainPlan
from include.contracts.period import Period
from include.governance.checklist.facts import Facts
from include.governance.checklist.rules import states
from include.records.registry import DECISIONS
from include.services import assessments
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.ui.charts import checklist as charts
from tests.unit.fakes.adapters import services_in
from tests.unit.ui.clients import Client, client, signature

SPEC, AT, HOME = load_usecase("flight_delay"), datetime(2026, 1, 2, tzinfo=UTC), "/standard/checklist"
__all__ = ["client"]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    services = services_in(tmp_path)
    plan = RetrainPlan(
        usecase=SPEC.name, name="p", decision="keep", cause="none", evidence=[], action="none", train_from=None,
        train_to=None, test_from=None, test_to=None, alerts=[], decided_at=AT,
    )  # fmt: skip
    row = RecordedDecision(period=Period("2013-04"), decision="keep", decided_at=AT, record=plan)
    DECISIONS.append(SPEC.name, services.adapters.lake, [row])
    return services


def form(**fields: str) -> dict[str, str]:
    return {"signature": signature("assess"), "state": "planned", "note": "<b>x</b>", "plan": "", "due": ""} | fields


def test_the_list_says_what_the_evidence_says_and_what_is_missing(client: Client) -> None:
    page = client("auditor").get(HOME).text
    assert page.count('<th scope="row"><a href="/standard/checklist/22">') == 1
    assert "flight_delay.decisions" in page
    assert "the platform has nothing that does this" in page
    assert "or rollback_drill on a use case with two releases: <a" in page
    assert "No day was recorded yet." in page
    assert "not assessed" in page
    korean = client("auditor").get(HOME, params={"language": "ko"}).text
    assert "재훈련 파이프라인" in korean
    assert "일부 증명" in korean


def test_progress_is_drawn_once_days_are_recorded(client: Client, services: Services) -> None:
    assessments.record_day(services, states(Facts(at=AT)), date(2026, 1, 2))
    page = client("auditor").get(HOME).text
    assert "No day was recorded yet." not in page
    assert '<th scope="row">2026-01-02</th>' in page


def test_an_assessment_stands_beside_the_state_with_its_history(client: Client, services: Services) -> None:
    answer = client("engineer").post(f"{HOME}/17", data=form(due="2020-01-31", plan="a cluster"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/standard/checklist/17")
    client("operator").post(f"{HOME}/17", data=form(state="in progress"))
    page = client("viewer").get(f"{HOME}/17").text
    assert "no evidence" in page
    assert "in progress" in page
    assert "a cluster" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x</b>" not in page
    assert "<form class=" not in page, "a viewer reads"
    assert [one.by for one in assessments.history(services.adapters.state, 17)] == ["ada", "ada"]


@pytest.mark.parametrize(("fields", "status"), [
    ({"signature": ""}, 403), ({"signature": signature("assess", login="eve")}, 403), ({"state": ""}, 422),
    ({"state": "x"}, 422),
    ({"due": "soon"}, 422), ({"note": "x" * 2001}, 422),
])  # fmt: skip
def test_a_form_with_a_fault_saves_nothing(
    client: Client, services: Services, fields: dict[str, str], status: int
) -> None:
    assert client("admin").post(f"{HOME}/3", data=form(**fields)).status_code == status
    assert assessments.newest(services.adapters.state) is None


def test_an_item_that_there_is_not_is_not_found(client: Client) -> None:
    assert client("admin").get(f"{HOME}/29").status_code == 404
    assert client("admin").post(f"{HOME}/0", data=form()).status_code == 404
    assert client("admin").get(f"{HOME}/export/doc").status_code == 404


@pytest.mark.parametrize("kind", ["json", "xlsx"])
def test_what_was_exported_comes_back(client: Client, services: Services, kind: str) -> None:
    auditor = client("auditor")
    auditor.post(f"{HOME}/5", data=form(due="2026-05-01"))
    file = auditor.get(f"{HOME}/export/{kind}")
    assert file.headers["content-disposition"].endswith(f'.{kind}"')
    sent = auditor.post(f"{HOME}/import", data=form(), files={"file": (f"a.{kind}", file.content)})
    assert sent.status_code == 303
    entry = assessments.newest(services.adapters.state)
    assert entry
    assert (entry.number, entry.way, entry.items) == (2, "import", [5])
    assert entry.standing[5].assessment.due == date(2026, 5, 1)


def test_a_file_with_a_fault_is_refused_whole_and_says_where(client: Client, services: Services) -> None:
    rows = [{"number": 1, "state": "done"}, {"number": 2, "state": "<i>"}]
    sent = client("auditor").post(f"{HOME}/import", data=form(), files={"file": ("a.json", json.dumps(rows))})
    assert sent.status_code == 422
    assert "row 2, state: Input should be" in sent.text
    assert assessments.newest(services.adapters.state) is None
    big = client("auditor").post(f"{HOME}/import", data=form(), files={"file": ("a.json", b" " * 500_001)})
    assert big.status_code == 422
    assert "the file is larger than" in big.text
    assert client("auditor").post(f"{HOME}/import", files={"file": ("a.json", "[]")}).status_code == 403


def test_the_page_says_when_prometheus_does_not_answer(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.errors import ServiceError

    def away(promql: str) -> list[object]:
        raise ServiceError("Prometheus did not answer <now>")

    monkeypatch.setattr(services.adapters.metrics_server, "query", away)
    assert "Prometheus did not answer &lt;now&gt;" in client("auditor").get(HOME).text


WORDS = ("proved", "partly", "no evidence")


@pytest.mark.parametrize("width", [1000, 340])
def test_a_tile_says_its_item_and_has_a_shape_for_its_state(width: int) -> None:
    rows = [
        {
            "group": "Data",
            "place": 1,
            "number": 1,
            "title": "collection",
            "state": "partly",
            "said": "1 collection: partly",
        }
    ]
    drawn = charts.tiles(rows, WORDS, width)
    mark = drawn["layer"][0]["encoding"]
    assert drawn["data"]["values"][0]["said"] == "1 collection: partly"
    assert "description" in mark
    assert mark["shape"]["scale"]["domain"] == list(WORDS)
    assert len(set(mark["shape"]["scale"]["range"])) == 3


def test_a_bar_of_a_day_is_in_the_order_of_the_states() -> None:
    days = [{"day": "2026-01-02", "state": word, "count": 3, "said": word} for word in WORDS]
    assert [row["order"] for row in charts.progress(days, WORDS, 340)["data"]["values"]] == [0, 1, 2]
