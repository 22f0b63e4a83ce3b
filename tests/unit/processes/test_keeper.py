"""Which models are loaded again, and how often."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from include.processes import keeper
from include.settings import Settings


class Watched:
    """A model server as the keeper sees it: its series, what is loaded, and what it was told to load."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.ready, self.refuses = 1000.0, ["m"], False
        self.beats: dict[tuple[str, str], float] = {("m", "m_0_0"): 1.0, ("m", "m_0_1"): 1.0}
        self.loads: list[str] = []
        monkeypatch.setattr(keeper, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(keeper.httpx, "get", self._metrics)
        monkeypatch.setattr(keeper.httpx, "post", self._posted)
        (server,) = keeper.servers(Settings())
        self.keeper = keeper.Keeper([server], _NothingDies())

    def after(self, seconds: float, *living: tuple[str, str]) -> list[str]:
        """What is loaded in so many seconds, a round each; ``living`` go on giving signs."""
        before = len(self.loads)
        for _ in range(int(seconds)):
            self.now += 1
            self.beats.update((one, self.now) for one in living)
            self.keeper.look()
        return self.loads[before:]

    def _metrics(self, url: str, **_: Any) -> httpx.Response:
        lines = [
            f'moebius_alive_timestamp_seconds{{model="{m}",process="{p}"}} {at}' for (m, p), at in self.beats.items()
        ]
        text = "\n".join(["# TYPE moebius_alive_timestamp_seconds gauge", *lines, ""])
        return httpx.Response(200, text=text, request=httpx.Request("GET", url))

    def _posted(self, url: str, **_: Any) -> httpx.Response:
        request = httpx.Request("POST", url)
        if url.endswith("/index"):
            return httpx.Response(200, json=[{"name": m, "state": "READY"} for m in self.ready], request=request)
        if self.refuses:
            return httpx.Response(400, json={"error": "no"}, request=request)
        self.loads.append(url.split("/")[-2])
        return httpx.Response(200, request=request)


class _NothingDies:
    def died(self, name: str) -> bool:
        return False

    def process(self, name: str) -> None:
        return None


ONE, TWO = ("m", "m_0_0"), ("m", "m_0_1")


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_a_silent_process_has_its_model_loaded_once(watched: Watched) -> None:
    assert watched.after(30, ONE, TWO) == []
    assert watched.after(8, ONE) == []
    assert watched.after(2, ONE) == ["m"]
    assert watched.after(60, ONE) == [], "its series stays when the model has one process less"
    assert watched.after(5, ONE, TWO) == []
    assert watched.after(10, ONE) == ["m"], "a second death"


def test_a_load_that_is_refused_is_tried_again(watched: Watched) -> None:
    watched.after(3, ONE, TWO)
    watched.refuses = True
    assert watched.after(20, ONE) == []
    watched.refuses = False
    assert watched.after(1, ONE) == ["m"]


def test_a_model_that_was_unloaded_is_left_alone(watched: Watched) -> None:
    watched.beats = {("gone", "gone_0_0"): 1.0, ONE: 1.0}
    assert watched.after(30, ONE) == []


def test_a_server_that_does_not_answer_is_asked_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(url: str, **_: Any) -> httpx.Response:
        raise httpx.ConnectError("refused")

    answering: Callable[..., httpx.Response] = keeper.httpx.get
    monkeypatch.setattr(keeper.httpx, "get", away)
    assert watched.after(20) == []
    monkeypatch.setattr(keeper.httpx, "get", answering)
    assert watched.after(20, ONE, TWO) == []
    assert watched.after(10, TWO) == ["m"]
