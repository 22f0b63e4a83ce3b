"""The Moebius pages, without Airflow and its login."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from include.services.composition import Services
from include.settings import Settings
from include.ui.access import SIGNED_IN, Reader, reader_of, services_of_pages
from include.ui.app import create_app


class PagesAs:
    """The pages with dependencies of its own; the app, which knows nobody, is made once: that takes longest."""

    def __init__(self, dependency_overrides: dict[Callable[..., Any], Callable[..., Any]]) -> None:
        self.dependency_overrides = dependency_overrides
        self.routes = _app().routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _app().dependency_overrides = self.dependency_overrides
        await _app()(scope, receive, send)


_app = cache(create_app)


def pages_of(services: Services, role: str = "auditor") -> PagesAs:
    """The pages as ``ada`` of this role sees them."""
    nobody_signs_in: dict[Callable[..., Any], Any] = {each.dependency: lambda: None for each in SIGNED_IN}
    return PagesAs({**nobody_signs_in, reader_of: lambda: Reader(services, "ada", role)})


@contextmanager
def client_of(home: Path, role: str = "auditor") -> Iterator[TestClient]:
    """Asks for the pages of a state root."""
    with TestClient(pages_of(services_of_pages(Settings(home=home)), role)) as client:
        yield client
