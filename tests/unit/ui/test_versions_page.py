"""Two versions side by side, as MLflow keeps them; what it does not have, or cannot say, is said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from include.contracts.development import RegisteredVersion
from include.contracts.period import Period
from include.errors import NotFoundError, ServiceError
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.ui.charts import drawing
from tests.unit.development.test_side_by_side import dataset
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.approvals import judge
from tests.unit.fakes.page_client import pages_of
from tests.unit.fakes.verdicts import record, verdict

SPEC = load_usecase("flight_delay")
PAGE = "/versions/flight_delay"
SLICE = {
    "column": "origin",
    "value": "JFK",
    "n": 900,
    "metrics": {"roc_auc": 0.7},
    "intervals": {"roc_auc": [0.6, 0.8]},
}


class Kept:
    """What MLflow has: documents of versions 2 and 4; it does not answer for 9."""

    documents: dict[str, Any] = {  # noqa: RUF012 - read only
        "dataset.json": dataset(["2013-01", "2013-02"], {"2013-01": "s"}).json_dict(),
        "importance.json": [{"feature": "<b>temp</b>", "share": 0.6}], "slices.json": [SLICE],
    }  # fmt: skip

    def document(self, usecase: str, version: int, path: str) -> str:
        if version == 2 and path == "slices.json":
            raise NotFoundError("there is none")
        return json.dumps(self.documents[path])

    def registered(self, usecase: str, version: int) -> RegisteredVersion:
        if version == 9:
            raise ServiceError("MLflow is away")
        tags = {"refit_of": "1", "released_as": "r0001"} if version == 2 else {}
        tags["revision"] = "b" * 40 + "-dirty" if version == 2 else "a" * 40
        metrics = {"proof_test_roc_auc": 0.61} if version == 2 else {"test_roc_auc": 0.67}
        return RegisteredVersion(
            version=version, tags=tags, metrics=metrics, parameters={"depth": str(version), "seed": "0"}
        )

    def page(self, usecase: str, version: int) -> str:
        return f"http://mlflow/{version}"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Pictures are the JSON of their specification: no process draws."""
    monkeypatch.setattr(drawing, "svg", lambda specification: f"<svg>{len(json.dumps(specification))}</svg>")
    services = services_in(tmp_path)
    services.adapters.experiment_reader = Kept()  # type: ignore[assignment, misc]
    return services


def seen(services: Services, role: str = "auditor") -> Iterator[TestClient]:
    with TestClient(pages_of(services, role)) as client:
        yield client


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    yield from seen(services)


def test_both_versions_are_shown_and_what_differs_is_marked(services: Services, client: TestClient) -> None:
    judge(services, SPEC, 2)
    record(services, SPEC, verdict(SPEC, 4))
    page = client.get(f"{PAGE}?a=2&b=4").text
    assert "refit of model 1, released as r0001" in page
    assert "roc_auc from the verdict on model 4" in page
    assert "<td>0.6100</td><td>0.6700</td>" in page
    assert "model 2 against model 4:" in page
    assert "1 of 2 differ" in page
    differing = page.partition('aria-label="Parameters that differ"')[2].partition("</table>")[0]
    assert "depth" in differing
    assert "seed" not in differing
    assert "&lt;b&gt;temp&lt;/b&gt;" in page
    assert "model 2: no figures by slice on rows that it has not learned from" in page
    for link in ("/models/flight_delay/4", "/verdicts/flight_delay/4", "http://mlflow/4"):
        assert f'href="{link}"' in page


def test_figures_of_other_rows_come_last_and_their_test_sets_are_in_the_head_of_each_column(
    services: Services, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(services, SPEC, 2)
    record(services, SPEC, verdict(SPEC, 4))
    same = client.get(f"{PAGE}?a=2&b=4").text
    assert "Both on their test set, which is the same" in same
    one = dataset(["2013-01"], {})
    earlier = one.test.model_copy(update={"content_hash": "1" * 64, "periods": [Period("2013-03")]})
    older = one.model_copy(update={"test": earlier})
    kept = Kept.document

    def document(self: Kept, usecase: str, version: int, path: str) -> str:
        of_older = (version, path) == (2, "dataset.json")
        return json.dumps(older.json_dict()) if of_older else kept(self, usecase, version, path)

    monkeypatch.setattr(Kept, "document", document)
    page = client.get(f"{PAGE}?a=2&b=4").text
    apart = page.index("Each on its own test set: other rows, not comparable")
    assert page.index("Both on the same rows") < page.index("from the verdict on model 4") < apart
    heads = page[apart:].partition("</thead>")[0]
    assert heads.index("tested on 2013-03") < heads.index("tested on 2013-06")


def test_a_refit_by_other_code_than_its_proof_says_so(services: Services, client: TestClient) -> None:
    for version in (2, 4):
        judge(services, SPEC, version)
    page = client.get(f"{PAGE}?a=2&b=4").text
    told = f"fitted by {'b' * 12} and changes that no commit has, and the proof by {'a' * 12}: rows are not all"
    assert page.count(told) == 1
    assert f"<td>{'b' * 12} and changes that no commit has</td><td>{'a' * 12}" in page
    assert "The refit model 2 has the features and parameters of its proof, model 1." in page
    assert "depth 1 → 2" in page


def test_without_an_address_the_newest_candidate_is_beside_what_came_first(
    services: Services, client: TestClient
) -> None:
    for version in (2, 4):
        judge(services, SPEC, version)
    page = client.get(PAGE).text
    assert '<option value="2" selected>' in page
    assert '<option value="4" selected>' in page
    assert "No verdict has compared these two on the same rows" in page


def test_a_silent_mlflow_is_said_and_the_choice_stays(services: Services, client: TestClient) -> None:
    judge(services, SPEC, 4)
    answer = client.get(f"{PAGE}?a=9&b=4")
    assert answer.status_code == 200
    assert "Model 9 cannot be shown:" in answer.text
    assert "MLflow is away" in answer.text
    assert '<option value="9" selected>' in answer.text


def test_without_a_version_the_page_says_how_to_get_one(client: TestClient) -> None:
    page = client.get(PAGE).text
    assert "No version is registered yet" in page
    assert "flight_delay.training" in page


def test_a_role_that_does_not_read_the_record_sees_no_version(services: Services) -> None:
    judge(services, SPEC, 4)
    services.settings.access["viewer"] = "none"  # type: ignore[index]
    for client in seen(services, "viewer"):
        page = client.get(f"{PAGE}?a=4&b=4").text
        assert "does not read the table approvals" in page
        assert "depth" not in page
