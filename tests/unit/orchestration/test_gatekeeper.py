"""A route that the matrix does not declare is refused, whatever serves it and however it is reached."""

import logging

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from include.orchestration.gatekeeper import Gatekeeper, rule_of_request

MAPPED = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"


def says_its_rule(_: Request) -> PlainTextResponse:
    return PlainTextResponse(str(rule_of_request.get()))


async def talks(socket: WebSocket) -> None:
    await socket.accept()


async def bare(scope: object, receive: object, send: object) -> None:
    await PlainTextResponse("served")(scope, receive, send)  # type: ignore[arg-type]


@pytest.fixture
def client() -> TestClient:
    page = [Route("/loops/{usecase}", says_its_rule, methods=["GET", "POST"]), Route("/new", says_its_rule)]
    routes = [
        Mount("/moebius", app=Starlette(routes=page)),
        Mount("/execution", app=Starlette(routes=[Route("/docs", says_its_rule), Route("/any/thing", says_its_rule)])),
        Mount("/foreign", app=bare),
        Mount("/static", app=bare),
        Route(MAPPED + "/clear", says_its_rule, methods=["PATCH"]),
        Route(MAPPED, says_its_rule, methods=["PATCH", "GET"]),
        Route("/api/v2/version", says_its_rule),
        WebSocketRoute("/talk", talks),
        Route("/ui/dags", says_its_rule),
        Route("/{rest_of_path:path}", says_its_rule),
    ]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Gatekeeper)]))


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/moebius/new", "GET /moebius/new"),
        ("POST", "/moebius/loops/a", "POST /moebius/loops/{usecase}"),
        ("GET", "/foreign/x", "GET /foreign"),
        ("PATCH", "/api/v2/dags/a/dagRuns/r/taskInstances/t/clear", f"PATCH {MAPPED}/clear"),
    ],
)
def test_an_undeclared_route_is_refused(client: TestClient, method: str, path: str, route: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 403
    assert answer.json()["detail"].startswith(f"{route} is refused")


def test_an_undeclared_web_socket_is_refused(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/talk"):
        pass


@pytest.mark.parametrize(
    ("method", "path", "rule"),
    [
        ("GET", "/api/v2/version", "open"),
        ("GET", "/a/page/of/airflows", "open"),
        ("GET", "/execution/any/thing", "task"),
        ("PATCH", "/api/v2/dags/a/dagRuns/r/taskInstances/t", "mark"),
        ("GET", "/api/v2/dags/a/dagRuns/r/taskInstances/t", "read"),
    ],
)
def test_a_declared_route_is_served_and_knows_its_rule(client: TestClient, method: str, path: str, rule: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.text) == (200, rule)


def test_the_rest_is_as_the_app_answers_it(client: TestClient) -> None:
    assert client.get("/static/x").text == "served"
    assert client.head("/api/v2/version").status_code == 200
    assert client.delete("/api/v2/version").status_code == 405


@pytest.mark.parametrize("path", ["/moebius/loops/a", "/execution/docs", "/ui/dags", "/ui/dags?has_pending_actions=1"])
def test_without_a_login_a_route_that_is_not_open_is_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer "}).status_code == 401


def test_the_log_names_what_is_not_declared(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        client.get("/api/v2/version")
    errors = [r.getMessage().split(" is refused")[0] for r in caplog.records if r.levelno == logging.ERROR]
    assert errors == [
        *("GET /foreign", "GET /moebius/new", f"PATCH {MAPPED}/clear", "POST /moebius/loops/{usecase}"),
        "WEBSOCKET /talk",
    ]
