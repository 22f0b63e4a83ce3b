"""The verdict page: four cells, differences beside their margins, every gate with its state, and who approved."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from include.contracts.development import Proof, RegisteredVersion
from include.errors import ServiceError
from include.governance import approval
from include.services.approvals import model_of
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.ui import verdict_words
from include.ui.access import Reader
from include.ui.charts import drawing
from include.ui.pages import verdicts as pages
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.page_client import pages_of
from tests.unit.fakes.verdicts import figure, record, verdict

SPEC = load_usecase("flight_delay")
PAGE = "/verdicts/flight_delay"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Pictures are the JSON of their specification: no process draws."""
    monkeypatch.setattr(drawing, "svg", lambda specification: f"<svg><!-- {json.dumps(specification)} --></svg>")
    services = services_in(tmp_path)
    services.adapters.experiment_reader = SimpleNamespace(page=lambda *_: "http://mlflow/4", registered=registered)  # type: ignore[misc, assignment]
    return services


def registered(usecase: str, version: int) -> RegisteredVersion:
    return RegisteredVersion(version=version, tags={"revision": "a" * 40 if version == 4 else "b" * 40})


def silent(usecase: str, version: int) -> RegisteredVersion:
    raise ServiceError(f"MLflow did not answer about version {version} of {usecase}")


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    yield from _seen(services, "auditor")


def _seen(services: Services, role: str) -> Iterator[TestClient]:
    with TestClient(pages_of(services, role)) as client:
        yield client


def test_the_page_shows_cells_differences_gates_and_the_way_to_the_required_action(
    services: Services, client: TestClient
) -> None:
    judged = record(services, SPEC, verdict(SPEC, 4))
    page = client.get(PAGE).text
    assert "A person decides" in page
    assert "the gate “Slice origin=JFK” refused the candidate" in page
    for name, value in {"A": "0.630", "B": "0.660", "C": "0.620", "D": "0.670"}.items():
        model = "champion" if name in "AC" else "candidate"
        assert f'<span class="letter {model}">{name}</span> <strong class="value">{value}</strong>' in page
    assert "28,000 rows, for this value as 800 independent ones" in page
    assert '<a href="/models/flight_delay/1">model 1</a> the proof that r0001 is the refit of' in page
    assert '<a href="/models/flight_delay/2">model 2</a> the release that serves, r0001' in page
    assert "<strong>98.7 %</strong>; 90 % is needed" in page
    assert "gain +0.050, cost of a release -0.010." in page
    assert "about 50,000 rows are needed" not in page.partition('id="gates"')[2].partition("</section>")[0]
    assert "50,000" in page
    assert "&lt;i&gt;JFK&lt;/i&gt; lost" in page
    assert "<b>lost" not in page
    assert "run_id_pattern=run+1" in page, "the record has the name of the run as paths take it"
    assert "actions/flight_delay/approve" not in page, "an auditor approves nothing"
    assert judged.evidence in page
    assert judged.verdict in page
    assert 'style="' not in page


def test_both_numbers_of_independent_rows_are_named_for_what_they_belong_to(
    services: Services, client: TestClient
) -> None:
    samples = {"new": {"rows": 28_000, "unit": "day", "blocks": 31, "effective_n": 4_600}}
    gain = {"D-C roc_auc": figure(0.05).model_copy(update={"effective_n": 4_600})}
    record(services, SPEC, verdict(SPEC, 4, samples=samples, differences=gain))
    page = client.get(PAGE).text
    assert "Rows of one day resemble each other, so 28,000 rows of the new test set" in page
    assert "for the value of D they count as 800 independent rows, for the difference D−C as 4,600." in page


def test_what_is_not_judged_is_grey_and_its_gate_neither_passed_nor_refused(
    services: Services, client: TestClient
) -> None:
    record(services, SPEC, verdict(SPEC, 4))
    page = client.get(PAGE).text
    slices = page.partition('<h2 id="slice">')[2].partition("</section>")[0]
    jfk, lga = slices.partition('<th scope="row">origin=LGA')[::2]
    assert 'class="mark bad"' in jfk
    assert 'class="mark none"' in lga
    assert 'class="mark good"' not in slices


def test_a_first_release_has_one_cell_and_says_why(services: Services, client: TestClient) -> None:
    record(services, SPEC, verdict(SPEC, 1, champion=None, decision="canary", rule="all gates passed"))
    page = client.get(f"{PAGE}/1").text
    assert "This is a first release" in page
    assert page.count('<strong class="value">') == 1
    assert page.count("not measured") == 3
    assert 'id="differences"' not in page


def test_what_became_of_it_and_who_answered_is_shown(services: Services, client: TestClient) -> None:
    judged = record(services, SPEC, verdict(SPEC, 4))
    with services.approvals.adding(SPEC) as ledger:
        ledger.conclude("rejected", judged, by="otto", reason="<u>no</u>")
    page = client.get(PAGE).text
    assert "rejected</span> by otto" in page
    assert '<td class="long">&lt;u&gt;no&lt;/u&gt;</td>' in page
    assert "the run that asks" not in page


def test_who_may_answer_does_so_from_the_verdict(services: Services) -> None:
    record(services, SPEC, verdict(SPEC, 4))
    for client in _seen(services, "approver"):
        page = client.get(PAGE).text
        assert "/actions/flight_delay/approve" in page
        assert "/actions/flight_delay/reject" in page


def test_a_refit_leads_to_the_verdict_on_its_proof(services: Services, client: TestClient) -> None:
    record(services, SPEC, verdict(SPEC, 4))
    proof = approval.registration(services.approvals.history(SPEC), 4)
    assert proof is not None
    model = model_of(proof).model_copy(update={"version": 5})
    of = Proof(version=4, artifact_hash=proof.artifact_hash)
    services.approvals.register(SPEC, model, proof=of, by="training", people=[])
    page = client.get(f"{PAGE}/5").text
    assert "Model 5 is the refit of model 4" in page
    assert '<a href="/models/flight_delay/5">Model card of its refit, model 5</a>' in page
    assert f"the refit, model 5: fitted by {'b' * 12}, and the proof by {'a' * 12}" in " ".join(page.split())
    services.adapters.experiment_reader.registered = silent  # type: ignore[method-assign]
    page = " ".join(client.get(f"{PAGE}/5").text.split())
    assert "code not compared" in page
    assert "the refit, model 5: MLflow does not answer" in page


def test_an_earlier_verdict_on_the_same_model_is_reached_by_its_entry(services: Services, client: TestClient) -> None:
    first = record(services, SPEC, verdict(SPEC, 4))
    last = record(services, SPEC, verdict(SPEC, 4, reason="judged again"))
    assert "judged again" in client.get(f"{PAGE}/4").text
    page = client.get(f"{PAGE}/4?entry={first.sequence}").text
    assert "This model was judged again since" in page
    assert f"/verdicts/flight_delay/4?entry={last.sequence}" in page


def test_without_a_verdict_the_page_says_how_to_get_one_and_an_unknown_version_is_not_found(client: TestClient) -> None:
    page = client.get(PAGE)
    assert page.status_code == 200
    assert "No candidate has been judged yet" in page.text
    assert "flight_delay.training" in page.text
    assert client.get(f"{PAGE}/77").status_code == 404
    assert client.get("/verdicts/nothing").status_code == 404


def test_a_role_that_reads_no_verdicts_sees_none(services: Services) -> None:
    record(services, SPEC, verdict(SPEC, 4))
    services.settings.access["viewer"] = "none"  # type: ignore[index]
    reader = Reader(services, "vera", "viewer")
    if reader.reads(SPEC, "verdicts"):
        services.settings.table_access[f"{SPEC.name}.verdicts"] = {"viewer": "none"}  # type: ignore[index]
    for seen in _seen(services, "viewer"):
        page = seen.get(PAGE).text
        assert "does not read the table verdicts" in page
        assert "0.670" not in page
        assert seen.get(f"{PAGE}/4/picture.svg").status_code == 403


def test_the_card_beside_may_be_framed_and_nothing_else(services: Services, client: TestClient) -> None:
    record(services, SPEC, verdict(SPEC, 4))
    alone, beside = client.get(PAGE), client.get(f"{PAGE}?card=beside")
    assert "<iframe" not in alone.text
    assert "frame-src" not in alone.headers["Content-Security-Policy"]
    assert '<iframe src="/models/flight_delay/4?alone=true"' in beside.text
    assert "frame-src 'self'" in beside.headers["Content-Security-Policy"]


def test_the_picture_of_the_required_action_stands_alone(services: Services, client: TestClient) -> None:
    record(services, SPEC, verdict(SPEC, 4))
    answer = client.get(f"{PAGE}/4/picture.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "var(--" not in answer.text
    assert '"background": "#ffffff"' in answer.text
    assert client.get(f"{PAGE}/9/picture.svg").status_code == 404


def test_an_image_of_a_first_release_is_one_half() -> None:
    drawn = pages.image(SPEC, verdict(SPEC, 1, champion=None), str)
    assert len(drawn["vconcat"]) == 1
    both = pages.image(SPEC, verdict(SPEC, 4), str)["vconcat"]
    assert [len(half["data"]["values"]) for half in both] == [4, 4]


@pytest.mark.parametrize(("rule", "words"), [
    ("all gates passed", "every gate that could be judged passed"),
    ("gain", "the gate “Gain over the champion” refused the candidate"),
    ("slice:origin=LGA", "the gate “Slice origin=LGA” could not be judged on so few rows"),
    ("of_tomorrow", "the gate “of_tomorrow” refused the candidate"),
])  # fmt: skip
def test_the_rule_that_decided_is_said_in_words(rule: str, words: str) -> None:
    assert verdict_words.why(verdict(SPEC, 4, rule=rule), str) == words


def test_a_mark_says_its_numbers_its_limit_and_its_result() -> None:
    gate = verdict(SPEC, 4).gates[2]
    row: Any = verdict_words.gate_row(gate, str)
    assert row["look"] == "none"
    assert row["said"] == (
        "Slice origin=LGA: +0.0500 [+0.0300 to +0.0700]\n28,000 rows; for this figure as many as 800 independent ones\n"
        "at least 0; not judged"
    )
    assert verdict_words.gate_row(verdict(SPEC, 4).gates[3], str) is None
