"""The MLflow server with its login: an ASGI app in which nothing but ``/health`` answers an anonymous.

MLflow's own checks leave out the routes that it serves without Flask and has no rule for, and every path that begins
like a static file. Here the login is asked for first, whatever the route; a login that does not administer reads only.
"""

import sqlite3
from typing import Any

from mlflow.server import auth
from sqlalchemy import event
from sqlalchemy.engine import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from include.adapters.experiment_server.logins import align, changes
from include.formats.sqlite_files import share
from include.settings import Settings, load_settings

OPEN = frozenset({"/health"})
REALM = 'Basic realm="mlflow"'


class LoginFirst:
    """ASGI middleware: 401 for a request without a valid login, 403 for a change by a reader, and no web socket."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in OPEN):
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            return await WebSocketClose()(scope, receive, send)
        if (user := auth._authenticate_fastapi_request(Request(scope))) is None:
            words = "MLflow asks for a login: see `make status` and docs/operations.md\n"
            refusal = PlainTextResponse(words, 401, {"WWW-Authenticate": REALM})
            return await refusal(scope, receive, send)
        if not user.is_admin and changes(scope["method"], scope["path"]):
            words = f"the login {user.username} reads in MLflow and changes nothing: see docs/guides/access.md\n"
            return await PlainTextResponse(words, 403)(scope, receive, send)
        return await self.app(scope, receive, send)


def create_app() -> Starlette:
    """The app that uvicorn serves. The environment holds the passwords, see ``server``."""
    event.listen(Engine, "connect", _shared)
    app: Any = auth.create_app()
    _require_login_of_ours(load_settings())
    align(load_settings(), auth.store)
    app.add_middleware(LoginFirst)
    return app


def _shared(connection: Any, _: Any) -> None:
    """Both databases of MLflow are files that each request opens anew."""
    if isinstance(connection, sqlite3.Connection):
        share(connection)


def _require_login_of_ours(settings: Settings) -> None:
    """The login of tasks and commands.

    It administers, since MLflow tells another login "permission denied" about a model that does not exist.
    """
    user, password = settings.mlflow_user, settings.mlflow_password_text()
    if not auth.store.has_user(user):
        auth.store.create_user(user, password, is_admin=True)
    elif not auth.store.authenticate_user(user, password):
        auth.store.update_user(user, password=password)
