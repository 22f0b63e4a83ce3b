"""Requests that write follow one another, and what the database does not take can be sent again."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from include.orchestration.database import OneWriter

PATH = "/api/v2/dags/x/dagRuns"
BUSY = {"detail": {"reason": "Database error", "statement": "hidden", "message": "look for ID abc"}}


class Writers:
    """An app that counts how many requests it works on at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def write(self, request: Request) -> Response:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        body = await request.body()
        self.now -= 1
        return Response(body)


async def answers(app: Any, requests: list[tuple[str, str, bytes]]) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=OneWriter(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
        return await asyncio.gather(*(client.request(m, path, content=body) for m, path, body in requests))


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [
        ("POST", PATH, 1),
        ("DELETE", PATH, 1),
        ("PUT", "/execution/task-instances/1/state", 1),
        ("PATCH", "/ui/dags/x", 1),
        ("GET", PATH, 20),
        ("POST", "/auth/token", 20),
    ],
)
def test_requests_that_write_follow_one_another_and_others_do_not_wait(method: str, path: str, most: int) -> None:
    writers = Writers()
    app = Starlette(routes=[Route(path, writers.write, methods=[method])])
    wanted = [(method, path, str(number).encode()) for number in range(20)]
    answered = asyncio.run(answers(app, wanted))
    assert [answer.content for answer in answered] == [body for _, _, body in wanted], "each gets its own answer"
    assert writers.most == most


def test_a_client_that_sends_slowly_holds_up_nobody() -> None:
    async def play() -> bytes:
        never_ends: asyncio.Event = asyncio.Event()
        app = OneWriter(Starlette(routes=[Route(PATH, Writers().write, methods=["POST"])]))

        async def stalled() -> dict[str, Any]:
            await never_ends.wait()
            return {"type": "http.disconnect"}

        scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b""}
        slow = asyncio.create_task(app(scope, stalled, stalled))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://airflow") as client:
            answer = await client.post(PATH, content=b"quick")
        slow.cancel()
        return answer.content

    assert asyncio.run(play()) == b"quick"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (JSONResponse(BUSY, 500), 503),
        (JSONResponse({"detail": "a fault of the code"}, 500), 500),
        (PlainTextResponse("Internal Server Error", 500), 500),
        (JSONResponse(BUSY, 409), 409),
        (JSONResponse({"dag_run_id": "r"}, 200), 200),
    ],
)
def test_a_write_that_the_database_did_not_take_says_to_send_it_again(answer: Response, status: int) -> None:
    async def answering(request: Request) -> Response:
        return answer

    app = Starlette(routes=[Route(PATH, answering, methods=["POST"])])
    (got,) = asyncio.run(answers(app, [("POST", PATH, b"")]))
    assert got.status_code == status
    if status == 503:
        assert got.headers["retry-after"] == "2"
        assert "Send the request again" in got.json()["detail"]
        assert "look for ID abc" in got.json()["detail"]
    else:
        assert got.content == answer.body
        assert "retry-after" not in got.headers
