"""Who is killed for its silence, and who is not: it depends on the service, its process, and the machine."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from include.platform.topology import Instance, instances_of
from include.processes.keeper import hangs
from include.processes.keeper.supervision import Counted
from include.settings import Settings


class Platform:
    """With one service, as the supervisor finds and ends it, on a clock of its own."""

    def __init__(self, name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.cpu, self.works, self.busy, self.stopped = 1000.0, 0.0, 0.0, False, False
        self.silent, self.unknown, self.pid, self.ended = False, False, 1, list[tuple[str, bool]]()
        self.instance = instances_of(name, Settings(home=home))[0]
        monkeypatch.setattr(hangs.processes, "cpu_seconds", lambda processes: self.cpu)
        monkeypatch.setattr(hangs.processes, "stopped", lambda process: self.stopped)
        monkeypatch.setattr(hangs.patience, "machine_is_busy", lambda: self.busy)
        self.hangs = hangs.Hangs(lambda: [self.instance], self, self.ask, lambda: self.now)

    def process(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(pid=self.pid)

    def ask(self, asked: list[Instance]) -> dict[str, hangs.Sign]:
        sign = hangs.UNKNOWN if self.unknown else None if self.silent else str(self.now)
        return {instance.name: sign for instance in asked}

    def end_hung(self, name: str, reason: str, workers_finish: bool) -> bool:
        self.ended.append((reason, workers_finish))
        self.pid += 1
        return True

    def after(self, seconds: float, every: float = 2.0) -> int:
        """How often it was ended in so many seconds."""
        before, end = len(self.ended), self.now + seconds
        while self.now < end:
            self.now += every
            self.cpu += self.works * every
            self.hangs.look()
        return len(self.ended) - before

    def falls_silent(self) -> None:
        assert self.after(100) == 0, "it answers"
        self.silent = True


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    return Platform("redis", tmp_path, monkeypatch)


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    return Platform("airflow-scheduler", tmp_path, monkeypatch)


def test_what_answers_nothing_for_its_declared_silence_is_ended_once(redis: Platform) -> None:
    redis.falls_silent()
    assert redis.after(redis.instance.declared.silence - 2) == 0
    assert redis.after(6) == 1
    assert redis.ended[0][0] == "it answered nothing for 22 s"
    assert redis.after(60) == 0, "the next process is given the time of a start"
    redis.silent = False
    assert redis.after(60) == 0


def test_what_somebody_stopped_is_ended_soon_however_busy_the_machine_is(redis: Platform) -> None:
    redis.falls_silent()
    redis.stopped = redis.busy = True
    assert redis.after(10) == 1
    assert redis.ended[0][0].startswith("it was stopped, and it answered nothing for")


@pytest.mark.parametrize("blamed", ["busy", "works"])
def test_what_works_or_shares_a_busy_machine_is_given_more_time_but_not_for_ever(redis: Platform, blamed: str) -> None:
    redis.falls_silent()
    setattr(redis, blamed, 1.0)
    assert redis.after(redis.instance.declared.silence * 3) == 0
    assert redis.after(redis.instance.declared.silence * 2) == 1


def test_a_keeper_that_gets_no_time_blames_nobody(redis: Platform) -> None:
    redis.falls_silent()
    assert redis.after(1, every=3600.0) == 0, "one look an hour later: nobody knows what was in between"


def test_a_part_of_airflow_is_not_blamed_for_the_api_server(scheduler: Platform) -> None:
    scheduler.falls_silent()
    scheduler.unknown = True
    assert scheduler.after(600) == 0
    scheduler.unknown = False
    assert scheduler.after(scheduler.instance.declared.silence + 4) == 1
    assert scheduler.ended[0][1], "its tasks may finish"


def test_a_stopped_part_of_airflow_is_found_without_the_api_server(scheduler: Platform) -> None:
    scheduler.falls_silent()
    scheduler.unknown = scheduler.stopped = True
    assert scheduler.after(10) == 1


def test_what_never_answered_is_given_the_time_of_a_start(redis: Platform) -> None:
    redis.silent = True
    assert redis.after(redis.instance.declared.seconds - 2) == 0
    assert redis.after(8) == 1


def test_seconds_are_counted_while_something_holds_without_a_break() -> None:
    now = iter([0.0, 2.0, 4.0, 5.0, 100.0])
    counted = Counted(5.0, lambda: next(now))
    assert [counted.hold("it", holds) for holds in (True, True, False, True, True)] == [0.0, 2.0, 0.0, 1.0, 6.0]
