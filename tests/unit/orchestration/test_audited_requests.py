"""The audit log around an application: what it does not take does not happen, and rows are not shown."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from include.contracts.audit import AuditEvent
from include.errors import ServiceError
from include.orchestration.audited_requests import ANONYMOUS, AuditedRequests

RUN = "/api/v2/dags/flight_delay.training/dagRuns"


class Log:
    """An audit log in memory, which can be full."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.full = False

    def append(self, events: Sequence[AuditEvent]) -> None:
        if self.full:
            raise ServiceError("no space left")
        self.events += events

    def read(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditEvent]:
        yield from self.events


class World:
    """An application that answers with one status, behind the log."""

    def __init__(self) -> None:
        self.log, self.status, self.login, self.reached = Log(), 200, "olga", list[str]()
        self.client = TestClient(AuditedRequests(self.app, lambda: self.log, self.who), raise_server_exceptions=False)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive()).get("body", b"") if scope["method"] != "GET" else b""
        self.reached.append(f"{scope['path']} {body.decode()}".strip())
        if self.status == 500:
            raise RuntimeError("the application broke")
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def who(self, scope: Scope, given: Mapping[str, Any]) -> str:
        await asyncio.sleep(0)
        return self.login

    @property
    def outcomes(self) -> list[tuple[str, str, str]]:
        return [(event.by, event.action, event.outcome) for event in self.log.events]


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(("status", "outcome"), [(200, "done"), (403, "refused"), (409, "failed"), (500, "failed")])
def test_a_change_is_in_the_log_before_it_happens_and_with_its_outcome(world: World, status: int, outcome: str) -> None:
    world.status = status
    assert world.client.post(RUN, json={"conf": {}}).status_code == status
    assert world.outcomes == [("olga", "trigger", "asked"), ("olga", "trigger", outcome)]
    assert len({event.facts["act"] for event in world.log.events}) == 1
    assert world.reached == [f'{RUN} {{"conf":{{}}}}']


def test_what_the_log_does_not_take_does_not_happen(world: World) -> None:
    world.log.full = True
    refused = world.client.post(RUN, json={"conf": {}})
    assert (refused.status_code, world.reached) == (503, [])
    assert "the audit log takes no entry" in refused.json()["detail"]


def test_without_the_log_rows_are_not_shown_and_pages_without_rows_are(world: World) -> None:
    world.log.full = True
    assert world.client.get("/moebius/catalog/flight_delay/sheet/events").status_code == 503
    assert world.client.get("/moebius/").status_code == 200
    assert world.client.get("/api/v2/version").status_code == 200


def test_rows_are_an_event_each_time_and_a_page_that_reloads_itself_one(world: World) -> None:
    for _ in range(3):
        world.client.get("/moebius/rollouts/flight_delay")
        world.client.get("/moebius/catalog/flight_delay/sheet/events")
        world.client.get("/api/v2/version")
    assert sorted(world.outcomes) == [("olga", "open_page", "done"), *[("olga", "read_data_sheet", "done")] * 3]


def test_every_refusal_is_an_event_of_any_route(world: World) -> None:
    world.status = 403
    world.client.get("/api/v2/pools")
    assert world.outcomes == [("olga", "send_request", "refused")]


def test_somebody_without_a_login_cannot_fill_the_log(world: World) -> None:
    world.login, world.status = ANONYMOUS, 401
    for number in range(5):
        world.client.post(f"/api/v2/made/up/{number}", json={"dag_id": str(number)})
        world.client.get(f"/api/v2/made/up/{number}")
    assert world.outcomes == [(ANONYMOUS, "send_request", "refused")] * 2
    assert {event.what for event in world.log.events} == {"/api"}


def test_a_login_is_handed_out_when_the_log_has_it(world: World) -> None:
    world.client.post("/auth/token", json={"username": "olga", "password": "x"})
    assert world.outcomes == [("olga", "log_in", "done")]
    world.log.full = True
    assert world.client.post("/auth/token", json={"username": "olga", "password": "x"}).status_code == 503


def test_what_a_task_asks_is_of_no_person(world: World) -> None:
    world.client.post("/execution/task-instances/1/run", json={})
    assert world.outcomes == []
