"""The catalog's pages behind Airflow's real login: who may see them, what they show."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from include.catalog.data_sheet import page
from include.settings import load_settings
from tests.unit.catalog.catalog_records import SPEC, catalog

pytestmark = pytest.mark.integration


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state root whose catalog is written."""
    monkeypatch.setenv("MOEBIUS_HOME", str(tmp_path))
    load_settings.cache_clear()
    directory = tmp_path / "catalog" / SPEC.name
    directory.mkdir(parents=True)
    (directory / "catalog.json").write_text(catalog().model_dump_json())
    sheet = (
        "# events\n\n<script>alert(1)</script>\n\n## Quality gates\n\n2 of 9 rows\n\n## Known limits\n\n"
        "- 2013-02: late has 3 of 9 rows.\n- 2013-02-01T05Z: or 4 of 9.\n- The label is known later.\n"
    )
    (directory / "events.md").write_text(sheet)
    (directory / "events.html").write_text(page("events", sheet))
    yield tmp_path
    load_settings.cache_clear()


@contextmanager
def login_table() -> Iterator[None]:
    """The one table that a login asks Airflow's database for; it goes again when it was not there."""
    from airflow.models.revoked_token import RevokedToken
    from airflow.settings import get_engine
    from sqlalchemy import inspect

    known = inspect(get_engine()).has_table(RevokedToken.__tablename__)
    RevokedToken.__table__.create(get_engine(), checkfirst=True)
    try:
        yield
    finally:
        if not known:
            RevokedToken.__table__.drop(get_engine())


@pytest.fixture(scope="module")
def app() -> Iterator[FastAPI]:
    """The pages with Airflow's own auth manager, whose tokens are signed with a secret of this test."""
    from airflow.api_fastapi.app import init_auth_manager

    from include.ui.app import create_app

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "s" * 64)
        app = create_app()
        init_auth_manager(app)
        with login_table():
            yield app


@pytest.fixture
def stranger(app: FastAPI, home: Path) -> TestClient:
    return TestClient(app)


@pytest.fixture
def user(app: FastAPI, home: Path) -> TestClient:
    """Logged in, with the role that Airflow's own login gave."""
    return client_of(app, "viewer")


def client_of(app: FastAPI, role: str) -> TestClient:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ada", role=role))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


def test_a_page_with_values_is_closed_to_a_role_that_does_not_read_the_table(
    user: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = "/catalog/flight_delay/sheet/events?alone=true"
    assert user.get(sheet).status_code == 200
    monkeypatch.setenv("MOEBIUS_TABLE_ACCESS", '{"flight_delay.events": {"viewer": "none"}}')
    load_settings.cache_clear()
    refused = user.get(sheet)
    assert refused.status_code == 403
    assert "the role 'viewer' of 'ada' reads nothing of flight_delay.events" in refused.text


def test_a_data_sheet_has_results_of_gates_for_roles_that_read_them(app: FastAPI, user: TestClient) -> None:
    path, results = "/catalog/flight_delay/sheet/events?alone=true", ("2 of 9", "3 of 9", "4 of 9", "Quality gates")
    whole, public = client_of(app, "admin").get(path).text, user.get(path).text
    assert [words for words in results if words not in whole] == []
    assert [words for words in results if words in public] == []
    assert "The label is known later" in public


def test_nobody_sees_a_page_or_sends_a_form_without_login(app: FastAPI, stranger: TestClient) -> None:
    """Every route, by values of its parameters that may not exist: the login is asked for first."""
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    asked = [(method, re.sub(r"{\w+(:\w+)?}", "1", route.path)) for route in routes for method in route.methods]
    assert len(asked) > 80
    assert {each: stranger.request(*each).status_code for each in asked} == dict.fromkeys(asked, 401)


def test_search_finds_in_names_meanings_and_kinds(user: TestClient) -> None:
    found = user.get("/catalog/", params={"q": "wind speed"}).text
    assert "/catalog/flight_delay/feature/wind_speed" in found
    assert "table/events/late" not in found
    assert "release/r0001" in user.get("/catalog/", params={"kind": "release"}).text
    assert "no entry has “no such thing”" in user.get("/catalog/", params={"q": "no such thing"}).text


def test_a_table_shows_columns_gates_versions_and_lineage_both_ways(app: FastAPI, user: TestClient) -> None:
    assert "expect_values_not_null" not in user.get("/catalog/flight_delay/table/events").text
    text = client_of(app, "admin").get("/catalog/flight_delay/table/events").text
    assert all(f"<h2>{title}</h2>" in text for title in ("Lineage", "Columns", "Quality gates", "Versions"))
    assert "late: expect_values_not_null (warn): 4 of 100 rows" in text
    assert "2013-02-aa" in text
    for other in ("source/flights", "dataset/2013-02-abc", "model/1"):
        assert f'<a href="/catalog/flight_delay/{other}"' in text
    assert "<svg" in text


def test_every_entry_has_a_page(user: TestClient) -> None:
    for entry in catalog().entries[::7]:
        assert user.get(f"/catalog/flight_delay/{entry.id}").status_code == 200, entry.id


def test_what_is_not_there_is_said(user: TestClient, home: Path) -> None:
    answer = user.get("/catalog/flight_delay/table/evnts")
    assert answer.status_code == 404
    assert "similar: table/events" in answer.json()["detail"]
    assert "no use case 'other'" in user.get("/catalog/other/table/events").json()["detail"]
    assert user.get("/catalog/flight_delay/sheet/..%2Fcatalog").status_code == 404
    (home / "catalog" / SPEC.name / "catalog.json").unlink()
    assert "run flight_delay.catalog" in user.get("/catalog/").text


def test_text_from_the_data_is_shown_not_run(user: TestClient, home: Path) -> None:
    assert "<script" not in user.get("/catalog/flight_delay/sheet/events?alone=true").text
    found = user.get("/catalog/", params={"q": "<script>alert(1)</script>"}).text
    assert "<script>" not in found
    assert "&lt;script&gt;" in found
