"""Every page answers soon, and says what was not reached, while the servers around the pages hang or refuse."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from include.services import patience
from include.settings import Settings
from include.ui.access import services_of_pages
from tests.integration import page_history
from tests.integration.ports import free_ports
from tests.integration.test_pages_in_browser import PATHS, WITH
from tests.unit.fakes.page_client import pages_of

pytestmark = pytest.mark.integration
PORTS = ("prometheus_port", "mlflow_port", "triton_http_port", "triton_grpc_port", "exporter_port")
NEED_PROMETHEUS = [
    f"/moebius/{path}"
    for path in (
        "", f"loops/{WITH}", f"rollouts/{WITH}", f"monitoring/{WITH}?part=model", f"alerts/{WITH}", "alerts/",
        f"cost/{WITH}", f"standard/pipelines/{WITH}", "standard/checklist",
    )
]  # fmt: skip
NEED_MLFLOW = f"/moebius/models/{WITH}/2"
PAGES = sorted(
    {NEED_MLFLOW, *NEED_PROMETHEUS}
    | {shown.pages[0] for route, shown in PATHS.items() if shown.pages and "/actions/" not in route}
)
SECONDS = 1.5
"""The longest that a page may wait for a server."""


@contextmanager
def accepts(port: int) -> Iterator[None]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", port), backlog=128):
        yield


@contextmanager
def refuses(port: int) -> Iterator[None]:
    yield


@contextmanager
def full(port: int) -> Iterator[None]:
    """Takes no connection any more, as a server that was stopped long ago."""
    with ExitStack() as stack:
        stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("hanging")
    settings = Settings.model_validate({"home": home, **dict(zip(PORTS, free_ports(len(PORTS)), strict=True))})
    page_history.write(settings)
    return settings


def client_of(settings: Settings) -> TestClient:
    around = FastAPI()
    around.mount("/moebius", pages_of(services_of_pages(settings), "admin"))
    return TestClient(around)


class Waits:
    """How long each thread has waited in vain for a server: not by the clock, which tells how busy the machine is."""

    def __init__(self) -> None:
        self.of = dict[int, float]()

    def wait(self, futures: list[Future[Any]], seconds: float) -> Any:
        found = wait(futures, seconds)
        self.of[threading.get_ident()] = self.of.get(threading.get_ident(), 0.0) + (0.0 if found.done else seconds)
        return found


@pytest.mark.parametrize("server", [refuses, accepts, full])
def test_a_page_waits_for_no_server_that_hangs_and_names_it(
    settings: Settings, server: Callable[[int], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but ``patience`` asks a server while a page is made; probes are asked beside the pages."""
    client, texts, late = client_of(settings), dict[str, str](), dict[str, float]()
    ask = httpx.get

    def beside(*given: Any, **more: Any) -> httpx.Response:
        assert threading.current_thread().name.startswith(("asks", "probe")), f"a page asks {given} itself"
        return ask(*given, **more)

    monkeypatch.setattr(httpx, "get", beside)
    monkeypatch.setattr(patience, "REST", 600.0)  # however long a page takes to be made
    with ExitStack() as stack:
        for port in PORTS:
            stack.enter_context(server(getattr(settings, port)))
        for path in PAGES:
            patience._silent.clear()
            waits = Waits()
            monkeypatch.setattr(patience, "wait", waits.wait)
            texts[path] = client.get(path).text
            if (longest := max(waits.of.values(), default=0)) > SECONDS:
                late[path] = longest
    assert late == {}
    assert [path for path in NEED_PROMETHEUS if "Prometheus at" not in texts[path]] == []
    assert "MLflow at" in texts[NEED_MLFLOW]
