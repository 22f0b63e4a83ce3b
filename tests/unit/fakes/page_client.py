"""The Moebius pages of a state root, without Airflow and its login."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient

from include.contracts.governance import Role
from include.services.composition import Services
from include.settings import Settings
from include.ui.access import SIGNED_IN, Reader, reader_of
from include.ui.app import create_app


@contextmanager
def client_of(home: Path, role: Role = "auditor") -> Iterator[TestClient]:
    """What ``ada`` of this role sees."""
    app = create_app()
    services = Services(Settings(home=home))
    app.dependency_overrides = {each.dependency: lambda: None for each in SIGNED_IN}
    app.dependency_overrides[reader_of] = lambda: Reader(services, "ada", role)
    with TestClient(app) as client:
        yield client
