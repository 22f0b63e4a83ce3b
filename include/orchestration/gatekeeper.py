"""Every request of the API server against the matrix of routes: what is not declared is refused, whoever asks."""

import logging
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qsl

from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from fastapi import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from include.governance.routes import ROUTES, Rule, served

log = logging.getLogger(__name__)
WHERE = "include/governance/routes.py"
rule_of_request: ContextVar[Rule | None] = ContextVar("rule_of_request", default=None)
"""What the matrix says of the route of the request under way."""


class Gatekeeper:
    """ASGI middleware: refuses an undeclared route, and a role that the route is not for.

    Where the matrix names an action of a DAG, the auth manager decides with the DAG's family.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app, self._compared = app, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = await self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        await (refusal or self.app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> ASGIApp | None:
        routes: Sequence[BaseRoute] = scope["app"].routes
        if not self._compared:
            self._compared = True
            _report(routes)
        if (route := route_of(routes, scope)) is None:
            return None  # nothing answers it: 404, 405 or a slash that is missing
        if (rule := _rule(route, scope)) is None:
            return JSONResponse({"detail": f"{route} is refused: {WHERE} does not declare it"}, 403)
        rule_of_request.set(rule)
        if rule in ("open", "task") or (isinstance(rule, str) and "{" in route):
            return None  # of a DAG: the auth manager knows its family
        return await _refused_role(rule, route, scope)


def route_of(routes: Sequence[BaseRoute], scope: Scope, above: str = "") -> str | None:
    """The declared path, with its method, of the first route that answers; a mount that has none is one itself."""
    method = "GET" if scope.get("method") == "HEAD" else scope.get("method", "WEBSOCKET")
    for route in routes:
        match, below = route.matches(scope)
        path = above + getattr(route, "path", "")
        if match is not Match.FULL:
            continue
        if not isinstance(route, Mount):
            return f"{method} {path}"
        if f"ANY {path}" in ROUTES or not route.routes:
            inner = route_of(route.routes, {**scope, **below}, path)
            return inner if inner in ROUTES else f"{'ANY' if f'ANY {path}' in ROUTES else method} {path}"
        return route_of(route.routes, {**scope, **below}, path)
    return None


def _rule(route: str, scope: Scope) -> Rule | None:
    """The rule of the route with one of the request's parameters goes before that of the route."""
    named = [f"{route}?{name}" for name, _ in parse_qsl(scope["query_string"].decode(errors="replace"))]
    return next((ROUTES[with_name] for with_name in named if with_name in ROUTES), ROUTES.get(route))


async def _refused_role(rule: Rule, route: str, scope: Scope) -> ASGIApp | None:
    from airflow.api_fastapi.core_api.security import resolve_user_from_token

    try:
        user: Any = await resolve_user_from_token(token_of(HTTPConnection(scope)))
    except HTTPException as error:
        return JSONResponse({"detail": error.detail}, error.status_code)
    role = (user.role or "").lower()
    return None if served(role, rule) else JSONResponse({"detail": f"{route} is not for the role {role!r}"}, 403)


def token_of(request: HTTPConnection) -> str | None:
    """As Airflow takes it: a token that is given goes before the cookie."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.cookies.get(COOKIE_NAME_JWT_TOKEN)


def declared(routes: Sequence[BaseRoute], above: str = "") -> Iterator[str]:
    """Every route of the app as the matrix writes it."""
    for route in routes:
        path = above + getattr(route, "path", "")
        if isinstance(route, Mount) and (f"ANY {path}" in ROUTES or not route.routes):
            yield f"ANY {path}" if f"ANY {path}" in ROUTES else f"GET {path}"
        if isinstance(route, Mount):
            known = [r for r in declared(route.routes or (), path) if f"ANY {path}" not in ROUTES or r in ROUTES]
            yield from known
        else:
            methods = set(getattr(route, "methods", None) or ["WEBSOCKET"])
            yield from (f"{method} {path}" for method in sorted(methods - {"HEAD"}))


def _report(routes: Sequence[BaseRoute]) -> None:
    served_here, known = set(declared(routes)), {route.partition("?")[0] for route in ROUTES}
    for route in sorted(served_here - known):
        log.error("%s is refused: %s does not declare it", route, WHERE)
    for route in sorted(known - served_here):
        log.warning("%s declares %s, which this API server does not have", WHERE, route)
    log.warning("%d routes are compared with %s", len(served_here), WHERE)
