"""The forms of actions on a real Airflow: what is sent there is the person's own request, and no other way passes."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from include.governance.actions import ACTIONS
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.ui import forgery
from include.ui.forgery import Purpose
from tests.integration.airflow_fixtures import LOGINS, airflow_settings, environment, mortal_api_server, scheduler
from tests.waiting import wait_until

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
PAGES, CONTROL = f"/moebius/actions/{SPEC.name}", f"/api/v2/dags/{SPEC.name}.control/dagRuns"
PAUSE = {"length": "2 hours", "reason": "the source is being repaired"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return airflow_settings(tmp_path_factory.mktemp("action_pages"), parallelism=2)


@pytest.fixture(scope="module")
def clients(settings: Settings) -> Iterator[dict[str, httpx.Client]]:
    with mortal_api_server(settings, ["dags", "reserialize"]) as (_, clients):
        clients["admin"].patch("/api/v2/dags?dag_id_pattern=~", json={"is_paused": True}).raise_for_status()
        for family in ("control", "rollback"):
            dag = f"/api/v2/dags/{SPEC.name}.{family}"
            clients["admin"].patch(dag, json={"is_paused": False}).raise_for_status()
        with scheduler(settings):
            yield clients


def browser(client: httpx.Client) -> httpx.Client:
    """The same login with Airflow's cookie instead of a header, as a browser has it."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    origin = str(client.base_url).rstrip("/")
    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    return httpx.Client(base_url=client.base_url, cookies={"_token": token}, headers=headers, timeout=60)


def signature(page: str) -> str:
    found = re.search(r'name="signature" value="([^"]+)"', page)
    assert found, page
    return unescape(found[1])


def sent(client: httpx.Client, action: str, form: dict[str, str], **changes: Any) -> httpx.Response:
    """Opens the form in a browser and sends it."""
    with browser(client) as person:
        shown = person.get(f"{PAGES}/{action}")
        assert shown.status_code == 200, shown.text
        return person.post(f"{PAGES}/{action}", data={"signature": signature(shown.text), **form}, **changes)


def runs(clients: dict[str, httpx.Client], path: str = CONTROL) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = clients["admin"].get(path).raise_for_status().json()["dag_runs"]
    return found


def finished(client: httpx.Client, path: str, seconds: float = 240) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        return dict(client.get(path, timeout=seconds).raise_for_status().json())

    wait_until(lambda: run()["state"] in ("success", "failed"), seconds, f"the end of {path}", pause=0.3)
    return run()


def test_an_operators_form_starts_the_run_with_its_fields_and_the_audit_log_has_it(
    clients: dict[str, httpx.Client], settings: Settings
) -> None:
    since = datetime.now(UTC)
    answer = sent(clients["operator"], "pause", PAUSE)
    assert answer.status_code == 303, answer.text
    (run,) = runs(clients)
    assert run["conf"] == {"operation": "pause", **PAUSE}
    assert (run["triggering_user_name"], run["triggered_by"]) == (LOGINS["operator"], "ui")
    path = f"{CONTROL}/{run['dag_run_id']}"
    assert finished(clients["operator"], path)["state"] == "success"
    page = clients["operator"].get(answer.headers["location"])
    assert page.status_code == 200
    assert run["dag_run_id"] in unescape(page.text)
    assert "data-refresh=" not in page.text, "it is over"
    seen = [(e.by, e.action, e.via, e.outcome) for e in Services(settings).adapters.audit.read(since)]
    assert [one for one in seen if one[1] in ("send_form", "trigger") and one[0] == "olga"] == [
        ("olga", "send_form", "page", "asked"), ("olga", "trigger", "rest", "asked"),
        ("olga", "trigger", "rest", "done"), ("olga", "send_form", "page", "done"),
    ]  # fmt: skip
    # by the run, whose process may begin before the API server has said that the form is done
    assert [one for one in seen if one[1] == "pause" and one[0] == "olga"] == [
        ("olga", "pause", "form", "asked"), ("olga", "pause", "form", "done")
    ]  # fmt: skip
    assert Services(settings).controls.pause(SPEC.name) is not None


def test_a_form_that_is_sent_twice_starts_one_run(clients: dict[str, httpx.Client]) -> None:
    before = len(runs(clients))
    with browser(clients["operator"]) as person:
        form = {"signature": signature(person.get(f"{PAGES}/resume").text), "reason": "it is repaired"}
        first, second = (person.post(f"{PAGES}/resume", data=form) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"] == second.headers["location"]
    assert len(runs(clients)) == before + 1


def test_a_run_that_fails_says_why_on_the_page(clients: dict[str, httpx.Client]) -> None:
    """Nothing serves, so there is no rollout to end."""
    answer = sent(clients["operator"], "abort", {"reason": "p99 is too high"})
    assert answer.status_code == 303, answer.text
    (run,) = runs(clients, f"/api/v2/dags/{SPEC.name}.rollback/dagRuns")
    assert run["conf"] == {"operation": "abort", "reason": "p99 is too high"}
    path = f"/api/v2/dags/{SPEC.name}.rollback/dagRuns/{run['dag_run_id']}"
    assert finished(clients["operator"], path)["state"] == "failed"
    page = clients["operator"].get(answer.headers["location"]).text
    assert f"{SPEC.name} has no serving release: deploy a release first" in page, page


@pytest.mark.parametrize("role", ["viewer", "engineer", "approver", "auditor"])
def test_another_role_gets_neither_form_nor_button(clients: dict[str, httpx.Client], role: str) -> None:
    with browser(clients[role]) as person:
        assert person.get(f"{PAGES}/pause").status_code == 403
        assert person.post(f"{PAGES}/pause", data={"signature": "x", **PAUSE}).status_code == 403
        assert f"{PAGES}/abort" not in person.get(f"/moebius/rollouts/{SPEC.name}").text


def test_without_a_login_nothing_is_shown_or_done(settings: Settings, clients: dict[str, httpx.Client]) -> None:
    with httpx.Client(base_url=settings.airflow_url, timeout=60) as nobody:
        assert nobody.get(f"{PAGES}/pause").status_code == 401
        assert nobody.post(f"{PAGES}/pause", data=PAUSE).status_code == 401


def forged(settings: Settings, now: datetime, **purpose: str) -> str:
    key = forgery.key(environment(settings)["AIRFLOW__API__SECRET_KEY"])
    named = {"login": LOGINS["operator"], "usecase": SPEC.name, "action": "pause", **purpose}
    return forgery.signature(key, Purpose(**named), now)


def test_the_cookie_alone_is_not_enough(clients: dict[str, httpx.Client], settings: Settings) -> None:
    before, now = len(runs(clients)), datetime.now(UTC)
    good = forged(settings, now)
    bad = {
        "none": "", "another secret": forgery.signature(b"k" * 32, Purpose("olga", SPEC.name, "pause"), now),
        "of another login": forged(settings, now, login="admin"),
        "of another action": forged(settings, now, action="resume"),
        "of another use case": forged(settings, now, usecase="other"),
        "too old": forged(settings, now - timedelta(hours=2)),
        "of the future": forged(settings, now + timedelta(hours=2)),
    }  # fmt: skip
    with browser(clients["operator"]) as person:
        for what, text in bad.items():
            assert person.post(f"{PAGES}/pause", data={"signature": text, **PAUSE}).status_code == 403, what
        for headers in ({"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}):
            form = {"signature": good, **PAUSE}
            assert person.post(f"{PAGES}/pause", data=form, headers=headers).status_code == 403, headers
        del person.headers["Origin"]
        assert person.post(f"{PAGES}/pause", data={"signature": good, **PAUSE}).status_code == 403
    assert len(runs(clients)) == before


def test_what_is_missing_is_said_in_words_and_nothing_starts(clients: dict[str, httpx.Client]) -> None:
    before = len(runs(clients))
    answer = sent(clients["operator"], "pause", {"length": "2 hours", "reason": " x "})
    assert answer.status_code == 422
    assert "write why in 3 characters or more" in answer.text
    assert 'value="2 hours"' in answer.text, "what was filled in stays"
    assert "this is not in the form" in sent(clients["operator"], "pause", PAUSE | {"length": "soon"}).text
    assert sent(clients["operator"], "pause", {"reason": "no length"}).status_code == 422
    answer = sent(clients["admin"], "rotate_keys", {"reason": "yearly", "confirm": "another"})
    assert (answer.status_code, f"type the name of the use case, {SPEC.name}" in answer.text) == (422, True)
    assert len(runs(clients)) == before


def test_every_action_has_a_form_for_its_roles(clients: dict[str, httpx.Client]) -> None:
    """A DAG that the use case has not is named; of an answer those questions are shown that wait."""
    for action in ACTIONS.values():
        shown = clients["admin"].get(f"{PAGES}/{action.name}")
        there = clients["admin"].get(f"/api/v2/dags/{SPEC.name}.{action.family}").status_code == 200
        assert shown.status_code == (200 if there else 404) or action.asked == "answer", (action.name, shown.text)
        assert action.family in shown.text


def test_a_question_is_answered_on_its_page(clients: dict[str, httpx.Client]) -> None:
    """Nobody but a login that the question names is let through: Airflow's refusal stands on the page."""
    with browser(clients["approver"]) as person:
        page = person.get(f"{PAGES}/approve", params={"run": "none", "task": "approve"})
        assert page.status_code == 404
        assert "Airflow refused it (404)" in page.text
        listed = person.get(f"{PAGES}/approve")
        assert (listed.status_code, "No question of this kind waits" in listed.text) == (200, True)
