"""Every request of a person to the API server and its pages as events of the audit log.

It stands around every route, those of plugins too, so a new route cannot be without. A change that the log does not
take is answered with 503 and does not happen; so is a page with rows. A page without rows is shown, and the error is in
the log of the API server. Nothing here is on the way of a request to a model.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from airflow.api_fastapi.core_api.security import resolve_user_from_token
from fastapi import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.contracts.audit import AuditEvent, Outcome
from include.errors import MoebiusError
from include.governance import audited, request_events
from include.governance.request_events import Seen
from include.orchestration.database import replayed, whole_body
from include.orchestration.gatekeeper import token_of
from include.ports.audit import AuditLog
from include.services.composition import services
from include.settings import load_settings

ANONYMOUS, UNKNOWN = "anonymous", "unknown login"
REFUSED = (401, 403)
REFUSED_LOOK = Seen("access", "send_request")
AGAIN_SECONDS = 300.0
"""A page that reloads itself, or a refusal that repeats, is one event in this time."""
KEPT = 10_000
"""Events that are remembered for that."""
LARGEST = 1_000_000
"""Bytes of a body that is read for what it asks; a larger one is an event without its details."""
log = logging.getLogger(__name__)

Who = Callable[[Scope, Mapping[str, Any]], Awaitable[str]]
"""The login of a request."""


class AuditedRequests:
    """ASGI middleware; ``audit`` gives the log, ``who`` the login of a request."""

    def __init__(self, app: ASGIApp, audit: Callable[[], AuditLog], who: Who) -> None:
        self._app, self._audit, self._who = app, audit, who
        self._repeated: dict[tuple[str, ...], tuple[float, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _path(scope).startswith(request_events.TASKS_OWN):
            return await self._app(scope, receive, send)
        if scope["method"] in request_events.READING:
            return await self._look(scope, receive, send, request_events.look(_path(scope)))
        messages = await whole_body(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        given = request_events.parsed(body) if len(body) <= LARGEST else {}
        receive = replayed(messages, receive)
        if request_events.changes(scope["method"], _path(scope), given):
            return await self._change(scope, receive, send, given)
        return await self._look(scope, receive, send, None)

    async def _change(self, scope: Scope, receive: Receive, send: Send, given: Mapping[str, Any]) -> None:
        """The event before, the request, the event with its outcome, the answer.

        Whoever has no login yet changes nothing: there the answer alone waits for its event.
        """
        seen, by = request_events.change(scope["method"], _path(scope)), await self._who(scope, given)
        event = audited.numbered(_event(scope, seen, by, given))
        known = by != ANONYMOUS and seen.action != request_events.LOG_IN
        if known and not await self._kept(audited.ended(event, "asked")):
            return await _unavailable(send)
        answer = _HeldAnswer()
        try:
            await self._app(scope, receive, answer)
        finally:
            kept = await self._concluded(event, answer, every=known)
        if not kept and not known:
            return await _unavailable(send)
        await answer.send_to(send)

    async def _concluded(self, event: AuditEvent, answer: "_HeldAnswer", *, every: bool) -> bool:
        event = audited.ended(event, answer.outcome, status=answer.status)
        if not every and event.outcome == "refused":
            return await self._kept_once(event)
        return await self._kept(event)

    async def _look(self, scope: Scope, receive: Receive, send: Send, seen: Seen | None) -> None:
        """One event when the answer begins: of what is watched, and of whatever was refused."""
        withheld = False

        async def passed(message: Message) -> None:
            nonlocal withheld
            if message["type"] == "http.response.start" and not await self._shown(scope, seen, message["status"]):
                withheld = True
                await _unavailable(send)
            if not withheld:
                await send(message)

        await self._app(scope, receive, passed)

    async def _shown(self, scope: Scope, seen: Seen | None, status: int) -> bool:
        """Whether the answer may be sent."""
        if seen is None and status not in REFUSED:
            return True
        event = _event(scope, seen or REFUSED_LOOK, await self._who(scope, {}), {})
        event = audited.ended(event, _outcome(status), status=status)
        if seen is None or not seen.rows or status >= 400:
            await self._kept_once(event)
            return True
        return await self._kept(event)

    async def _kept_once(self, event: AuditEvent) -> bool:
        """As ``_kept``, for what repeats itself: the next event of its kind says how many were left out."""
        now, key = time.monotonic(), (event.by, event.action, event.what, event.facts["request"], event.outcome)
        since, left_out = self._repeated.get(key, (now - AGAIN_SECONDS, 0))
        if now - since < AGAIN_SECONDS:
            self._repeated[key] = (since, left_out + 1)
            return True
        if len(self._repeated) >= KEPT:
            self._repeated.clear()
        self._repeated[key] = (now, 0)
        return await self._kept(audited.ended(event, event.outcome, repeated=left_out) if left_out else event)

    async def _kept(self, event: AuditEvent) -> bool:
        """Whether the log took the event; if not, the reason stands in the log of the API server."""
        try:
            await asyncio.to_thread(self._append, event)
        except MoebiusError:
            log.exception("the audit log took no entry of %s by %s: %s", event.action, event.by, event.what)
            return False
        return True

    def _append(self, event: AuditEvent) -> None:
        self._audit().append([event])


class _HeldAnswer:
    """The answer to a change, held until its event is in the log."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self._messages.append(message)

    @property
    def status(self) -> int:
        """0 when there was no answer."""
        return next((m["status"] for m in self._messages if m["type"] == "http.response.start"), 0)

    @property
    def outcome(self) -> Outcome:
        body = b"".join(message.get("body", b"") for message in self._messages)
        return "refused" if request_events.refused_within(body) else _outcome(self.status)

    async def send_to(self, send: Send) -> None:
        for message in self._messages:
            await send(message)


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def _event(scope: Scope, seen: Seen, by: str, given: Mapping[str, Any]) -> AuditEvent:
    """Of somebody without a login it names the room alone: nobody fills the log with paths that they invent."""
    path = _path(scope)
    if by == ANONYMOUS:
        path, given = "/" + path.lstrip("/").partition("/")[0], {}
    return request_events.event(scope["method"], path, seen, by, given)


def _outcome(status: int) -> Outcome:
    if status in REFUSED:
        return "refused"
    return "done" if 0 < status < 400 else "failed"


async def login_of(scope: Scope, given: Mapping[str, Any]) -> str:
    """The login of a request as Airflow takes it: that of a token in the header, else of the cookie.

    Of a login that is under way it is the name that was typed, if there is such a login: people type passwords there.
    """
    if _path(scope).startswith(request_events.LOGINS):
        name = str(given.get("username", ""))
        return name if name in load_settings().roles else UNKNOWN
    try:
        user = await resolve_user_from_token(token_of(HTTPConnection(scope)))
    except HTTPException:
        return ANONYMOUS
    return user.get_name()


def audit_log() -> AuditLog:
    return services().adapters.audit


async def _unavailable(send: Send) -> None:
    text = (
        "the audit log takes no entry, so nothing was done and nothing is shown: see the log of airflow-api, and "
        "`moebius doctor`"
    )
    body = json.dumps({"detail": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
