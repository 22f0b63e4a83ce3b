"""The Moebius pages as Airflow mounts them: every process of Airflow reads the plugins, and only its API server pays.

What a plugin names is imported by the scheduler, the DAG processor, the triggerer and each task. So nothing here
imports a page before the API server runs.
"""

from functools import cached_property
from threading import Thread
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.routing import BaseRoute


class Pages:
    """The app of the pages, made when the API server looks at its routes: before it answers its first request."""

    @property
    def routes(self) -> "list[BaseRoute]":
        return self._app.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    @cached_property
    def _app(self) -> "FastAPI":
        from include.ui.app import create_app

        return create_app()


class WarmPages:
    """ASGI middleware of the API server: warms the pages beside it once it has started."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def started(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                Thread(target=_warm, name="warm pages", daemon=True).start()

        await self._app(scope, receive, started if scope["type"] == "lifespan" else send)


def _warm() -> None:
    from include.ui import warming

    warming.warm()
