"""Which means a model gets, in which order, and when it is called healed."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from include.errors import NoAnswerError, RequestFailedError, ServiceError
from include.ports.serving import ModelState, ProbeAnswer
from include.processes.keeper import examination, healing

NAMES = ["m_0_0", "m_0_1"]


class Server:
    """A model server as its keeper sees it. ``ended`` and ``silent`` are processes of the model m; a means among
    ``helps`` brings all of them back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.turn = 1000.0, 0
        self.ended, self.silent, self.helps = set[str](), set[str](), {"load"}
        self.state: ModelState | None = ModelState(True, "READY")
        self.fault = self.refuses = ""
        self.away = False
        self.done: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.other = self.avoided = False
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(healing, "time", clock)
        monkeypatch.setattr(examination, "time", clock)
        monkeypatch.setattr(healing, "machine_is_busy", lambda: False)
        self.healing = healing.Healing("triton", self, self._new_server, self._tell, self, self._living)

    def after(self, seconds: float) -> list[str]:
        """What is done to the model in so many seconds, a look each."""
        before, end = len(self.done), self.now + seconds
        while self.now < end:
            self.now += 1
            try:
                self.healing.look("m")
            except ServiceError:
                continue
        return self.done[before:]

    def states(self) -> dict[str, ModelState]:
        if self.away:
            raise ServiceError("it did not answer")
        return {"m": self.state} if self.state else {}

    def processes(self, model: str) -> list[str]:
        return NAMES

    def installed(self) -> list[str]:
        return ["m"]

    def close(self) -> None: ...

    def load(self, model: str) -> None:
        self._apply("load")
        if self.refuses:
            raise RequestFailedError(self.refuses)

    def unload(self, model: str) -> None:
        self._apply("unload")

    def probe(self, model: str, seconds: float = 1.0) -> ProbeAnswer:
        self.turn += 1
        process = NAMES[self.turn % 2]
        if process in self.silent:
            self.now += seconds
            raise NoAnswerError("in time")
        return ProbeAnswer(process, self.fault)

    def _apply(self, means: str) -> None:
        self.done.append(means)
        if means in self.helps:
            self.ended, self.silent, self.state = set(), set(), ModelState(True, "READY")

    def _living(self, model: str) -> set[str]:
        return set(NAMES) - self.ended

    def _new_server(self, reason: str) -> None:
        self._apply("new server")

    def _tell(self, model: str, what: str, reason: str) -> None:
        self.told.append((what, reason))

    def avoid(self, model: str) -> bool:
        self.avoided = self.other
        return self.other

    def use(self, model: str) -> None:
        self.avoided = False


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


def test_a_model_whose_processes_all_answer_is_left_alone(server: Server) -> None:
    assert server.after(60) == []
    assert server.told == []


def test_a_dead_process_has_its_model_loaded_at_once_and_each_time(server: Server) -> None:
    for _ in range(3):
        server.ended = {"m_0_1"}
        assert server.after(1) == ["load"]
        assert server.after(30) == []
    assert [what for what, _ in server.told] == ["died", "started"] * 3


@pytest.mark.parametrize(
    ("helps", "done"),
    [
        ("load", ["load"]),
        ("unload", ["load", "unload", "load"]),
        ("new server", ["load", "unload", "load", "new server"]),
    ],
    ids=["load", "unload", "server"],
)
def test_what_does_not_help_is_followed_by_the_next_stronger_means(
    server: Server, caplog: pytest.LogCaptureFixture, helps: str, done: list[str]
) -> None:
    server.helps, server.ended = {helps}, {"m_0_0"}
    assert server.after(1) == done
    assert "is healed" in caplog.text
    assert server.after(60) == []


def test_what_nothing_heals_is_told_once_and_costs_no_second_server(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.helps, server.ended = set(), {"m_0_0"}
    assert server.after(1) == ["load", "unload", "load", "new server"]
    assert "is healed" not in caplog.text
    assert [what for what, _ in server.told] == ["died", "gave_up"]
    assert server.after(50) == []
    assert set(server.after(300)) == {"load", "unload"}
    assert [what for what, _ in server.told] == ["died", "gave_up"]
    server.helps = {"load"}
    server.after(70)
    assert server.told[-1][0] == "started"


def test_a_model_that_cannot_be_loaded_never_costs_a_server(server: Server) -> None:
    server.helps, server.ended, server.refuses = set(), {"m_0_0"}, "400 no such release"
    assert "new server" not in server.after(2000)
    assert [what for what, _ in server.told] == ["died", "gave_up"]
    assert server.told[-1][1].endswith("400 no such release")


def test_an_error_of_ours_is_no_reason_to_load_anything(server: Server) -> None:
    server.fault = "NothingDeployedError: no rollout state"
    assert server.after(600) == []
    assert [what for what, _ in server.told] == ["gave_up"]
    server.fault = ""
    server.after(2)
    assert server.told[-1][0] == "started"


def test_a_silent_process_hangs_only_after_a_while(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healing, "machine_is_busy", lambda: True)
    server.silent = {"m_0_1"}
    assert server.after(10) == []
    assert server.after(10) == ["load"]
    monkeypatch.setattr(healing, "machine_is_busy", lambda: False)
    server.silent = {"m_0_1"}
    assert server.after(10) == ["load"]
    assert [what for what, _ in server.told] == ["hung", "started"] * 2


def test_a_model_that_is_exchanged_is_left_alone_and_one_that_stays_away_is_loaded(server: Server) -> None:
    server.state = None
    assert server.after(2) == []
    server.state = ModelState(True)
    assert server.after(2) == []
    server.state = ModelState(False, "UNAVAILABLE", "out of memory")
    assert server.after(6) == ["load"]


def test_where_another_server_answers_the_model_is_taken_out_first(server: Server) -> None:
    server.other, server.ended, server.helps = True, {"m_0_0"}, {"load"}
    assert server.after(1) == ["unload", "load"]
    assert not server.avoided
    server.ended, server.helps = {"m_0_0"}, set()
    server.after(1)
    assert server.avoided, "until it is healthy"


@pytest.mark.parametrize("means", ["_away", "_gone_while_loading"])
def test_a_server_that_goes_is_no_illness_of_its_models(server: Server, means: str) -> None:
    getattr(_Goes, means)(server)
    server.after(20)
    assert "gave_up" not in [what for what, _ in server.told]
    server.away = False
    server.after(5)
    assert server.healing.ill == set()


class _Goes:
    @staticmethod
    def _away(server: Server) -> None:
        server.away = True

    @staticmethod
    def _gone_while_loading(server: Server) -> None:
        server.ended = {"m_0_0"}
        load: Callable[[str], None] = server.load

        def goes(model: str) -> None:
            server.load, server.away, server.ended = load, True, set()  # type: ignore[method-assign]
            raise ServiceError("connection refused")

        server.load = goes  # type: ignore[method-assign]
