"""Pages wait for an answer that comes, not for a server that hangs; and soon ask it again."""

import threading
from pathlib import Path
from typing import Any

import pytest

from include.errors import ServiceError
from include.services import patience
from include.services.composition import Services
from include.services.patience import PagesAdapters, Patient
from include.settings import Settings


class Server:
    """Answers once ``go`` is set, and gives signs of life while it is ``awake``."""

    url = "http://server"

    def __init__(self, awake: bool) -> None:
        self.awake, self.go, self.signs, self.asked = awake, threading.Event(), 0, 0

    def query(self, promql: str) -> str:
        self.asked += 1
        self.go.wait(60)
        if promql == "wrong":
            raise ServiceError("refused: wrong")
        return f"answer to {promql}"

    def lives(self) -> bool:
        self.signs += 1
        if self.signs == 3:
            self.go.set()
        return self.awake or (self.go.wait(60) and False)

    def page(self) -> str:
        return "address"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST", "SIGN"):
        monkeypatch.setattr(patience, name, 0.01)
    monkeypatch.setattr(patience, "_silent", {})


def patient(server: Server) -> Any:
    return Patient("Prometheus", server, frozenset({"query"}))


def test_a_slow_answer_is_waited_for_while_the_server_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SIGN", 60.0)
    server = Server(awake=True)
    assert patient(server).query("up") == "answer to up"
    assert server.signs >= 3


def test_a_server_that_hangs_is_given_up_and_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(awake=False)
    for _ in range(2):
        with pytest.raises(ServiceError, match=r"Prometheus at http://server does not answer; see `make status`"):
            patient(server).query("up")
    assert (server.asked, server.signs) == (1, 1)
    assert patient(server).page() == "address"
    server.go.set()
    monkeypatch.setattr(patience, "_silent", {server.url: 0.0})
    monkeypatch.setattr(patience, "FIRST", 60.0)
    assert patient(server).query("up") == "answer to up"


def test_what_the_server_refuses_is_said_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST", 60.0)
    server = Server(awake=True)
    server.go.set()
    with pytest.raises(ServiceError, match="refused: wrong"):
        patient(server).query("wrong")
    assert server.signs == 0


def test_pages_ask_prometheus_and_mlflow_in_this_way(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    adapters = Services(settings, adapters=PagesAdapters(settings, str)).adapters
    assert isinstance(adapters.metrics_server, Patient)
    assert isinstance(adapters.experiment_reader, Patient)
    assert adapters.experiment_reader.page("u", 1).startswith(settings.mlflow_url)
