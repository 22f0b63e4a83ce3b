"""Which models are loaded again, and how often."""

from types import SimpleNamespace

import pytest

from include.errors import ServiceError
from include.processes.keeper import models


class Watched:
    """A model server as the keeper sees it: its series, what is loaded, and what it was told to load."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.refuses, self.away = 1000.0, False, False
        self.living: dict[tuple[str, str], float] = {("m", "m_0_0"): 1.0, ("m", "m_0_1"): 1.0}
        self.loads: list[str] = []
        monkeypatch.setattr(models, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.keeper = models.ModelKeeper([models.Server("triton", _not_started, self)], _NothingDies())

    def after(self, seconds: float, *living: tuple[str, str]) -> list[str]:
        """What is loaded in so many seconds, a round each; ``living`` go on giving signs."""
        before = len(self.loads)
        for _ in range(int(seconds)):
            self.now += 1
            self.living.update((one, self.now) for one in living)
            self.keeper.look()
        return self.loads[before:]

    def beats(self) -> dict[tuple[str, str], float]:
        if self.away:
            raise ServiceError("it did not answer")
        return dict(self.living)

    def loaded(self) -> set[str]:
        return {"m"}

    def load(self, model: str) -> None:
        if self.refuses:
            raise ServiceError("400: no")
        self.loads.append(model)


def _not_started() -> None:
    raise AssertionError("no server died")


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
    watched.living = {("gone", "gone_0_0"): 1.0, ONE: 1.0}
    assert watched.after(30, ONE) == []


def test_a_server_that_does_not_answer_is_asked_again(watched: Watched) -> None:
    watched.away = True
    assert watched.after(20) == []
    watched.away = False
    assert watched.after(20, ONE, TWO) == []
    assert watched.after(10, TWO) == ["m"]


class _DoesNotStart(_NothingDies):
    def __init__(self) -> None:
        self.tries = 0

    def died(self, name: str) -> bool:
        return True

    def revive(self, service: object) -> bool:
        self.tries += 1
        raise ServiceError("triton ended while starting")


def test_a_server_that_does_not_start_rests_before_the_next_try(watched: Watched) -> None:
    supervisor = _DoesNotStart()
    watched.keeper = models.ModelKeeper([models.Server("triton", lambda: None, watched)], supervisor)
    watched.after(29)
    assert supervisor.tries == 1
    watched.after(3)
    assert supervisor.tries == 2
