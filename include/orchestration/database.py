"""How Airflow's processes share one SQLite database: a long time-out, and one request at a time that writes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

CONNECT_ARGS = {"timeout": 180.0}
"""Seconds that a connection waits for the lock; Python's 5 are too few while tasks run on a busy machine.

A process of Airflow that is stopped in a transaction keeps the lock until it goes on or is killed: the others bear that
for longer than the keeper needs to find a process that hangs.
"""

READING = frozenset({"GET", "HEAD", "OPTIONS"})
WRITTEN_BY = ("/api/", "/execution/", "/ui/")
"""Where requests write to the database: REST, the tasks that run, the UI. A login waits for nobody."""
RETRY_SECONDS = 2


class OneWriter:
    """ASGI middleware: requests that write follow one another; what the database did not take is a 503.

    Airflow commits its audit log in the event loop, and the transaction of another request needs that loop to end.
    Two writers at once therefore wait for each other until the time-out, and the trigger of a DAG is lost. The body of
    a request is read before its turn comes, so a slow client holds up nobody.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in READING or not scope["path"].startswith(WRITTEN_BY):
            return await self.app(scope, receive, send)
        received = await whole_body(receive)
        async with self._turn:
            return await self.app(scope, replayed(received, receive), _Answer(send))


async def whole_body(receive: Receive) -> list[Message]:
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def replayed(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def replay() -> Message:
        message = next(waiting, None)
        return message if message is not None else await receive()

    return replay


class _Answer:
    """Passes an answer on; Airflow's 500 "Database error" becomes a 503 that says to ask again."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 500:
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        text = _database_fault(self._body)
        body = self._body if text is None else json.dumps({"detail": text}).encode()
        if text is not None:
            own = (b"content-length", b"content-type", b"retry-after")
            headers = [(name, value) for name, value in start["headers"] if name.lower() not in own]
            headers += [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"retry-after", str(RETRY_SECONDS).encode()),
            ]
            start = {**start, "status": 503, "headers": headers}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _database_fault(body: bytes) -> str | None:
    """What to answer when this body is Airflow's about its database; None when it is another one."""
    try:
        detail = json.loads(body)["detail"]
        if detail["reason"] != "Database error":
            return None
    except (ValueError, KeyError, TypeError):
        return None
    return (
        "Airflow's database did not take the request, and nothing was changed: it is busy. Send the request again in "
        f"{RETRY_SECONDS} s. If that does not help, look into the log of airflow-api. {detail.get('message', '')}"
    )
