"""The Moebius pages, without Airflow and its login."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from include.services.composition import Services
from include.settings import Settings
from include.ui.access import SIGNED_IN, Reader, reader_of
from include.ui.app import create_app


def pages_of(services: Services, role: str = "auditor") -> FastAPI:
    """The pages as ``ada`` of this role sees them."""
    app = create_app()
    app.dependency_overrides = {each.dependency: lambda: None for each in SIGNED_IN}
    app.dependency_overrides[reader_of] = lambda: Reader(services, "ada", role)
    return app


@contextmanager
def client_of(home: Path, role: str = "auditor") -> Iterator[TestClient]:
    """Asks for the pages of a state root."""
    with TestClient(pages_of(Services(Settings(home=home)), role)) as client:
        yield client
