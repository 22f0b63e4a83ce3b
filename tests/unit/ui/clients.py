"""The pages of a state root of its own, as each role sees them, with pictures that nobody draws."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.configuration import conf
from fastapi.testclient import TestClient

from include.contracts.governance import Role
from include.services.composition import Services
from include.ui import forgery
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.page_client import pages_of

Client = Callable[..., TestClient]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


@pytest.fixture
def client(services: Services, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr("include.ui.view.drawing.svg", lambda specification: "<svg></svg>")

    def make(role: Role = "auditor") -> TestClient:
        return TestClient(pages_of(services, role), follow_redirects=False, headers={"origin": "http://testserver"})

    return make


def signature(action: str, usecase: str = "", login: str = "ada") -> str:
    """As a page has it that this login looks at."""
    purpose = forgery.Purpose(login, usecase, action)
    return forgery.signature(forgery.key(conf.get("api", "secret_key")), purpose, datetime.now(UTC))
