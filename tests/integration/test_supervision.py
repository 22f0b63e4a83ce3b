"""What dies or hangs is there again without anybody: real processes under a real supervisord, killed and stopped."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from include.contracts.platform import read_events
from include.platform import processes, status, supervisord
from include.platform.servers import called, healthy
from include.platform.supervisor import Supervisor
from include.platform.topology import instances_of
from include.settings import Settings
from tests.integration.pipeline_fixtures import wait_until
from tests.integration.ports import free_ports

pytestmark = pytest.mark.integration
PARTS = ("redis", "facade", "keeper", supervisord.NAME)
SECONDS = 180.0
"""On a machine that does nothing else it takes one to ten."""


class Reduced:
    """A platform of four processes in a state root whose path is long and has what is special elsewhere."""

    def __init__(self, home: Path) -> None:
        ports = [name for name in Settings.model_fields if name.endswith("_port")]
        self.settings = Settings(home=home, **dict(zip(ports, free_ports(len(ports)), strict=True)))
        self.supervisor = Supervisor(home / "platform", self.settings.host)

    def __getitem__(self, name: str) -> psutil.Process:
        process = self.supervisor.process(name)
        assert process, f"{name} does not run"
        return process

    def healthy(self, name: str) -> bool:
        return self.supervisor.process(name) is not None and healthy(instances_of(name, self.settings)[0])

    def holder(self, name: str) -> psutil.Process:
        (program,) = [one for one in supervisord.programs(self.settings) if one.name == name]
        return psutil.Process(program.pid)

    def holder_of(self, name: str) -> int:
        """Its pid; 0 while there is none."""
        return {program.name: program.pid for program in supervisord.programs(self.settings)}[name]

    def left_behind(self, name: str) -> subprocess.Popen:
        """A process in a session of its own that holds the service's port and writes its log."""
        (port,) = called(name, self.settings).ports.values()
        hold = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); print('holds', flush=1)"
        argv = [sys.executable, "-c", f"{hold}; time.sleep(600)"]
        with self.supervisor.log(name).open("a") as log:
            child = subprocess.Popen(argv, stdout=log, start_new_session=True)
        wait_until(lambda: "holds" in self.supervisor.log(name).read_text(), what="the port")
        return child

    def send(self, number: int, *names: str) -> dict[str, psutil.Process]:
        """The processes that got the signal, by name."""
        found = {name: self[name] for name in names}
        for process in found.values():
            process.send_signal(number)
        return found

    def heals(self, before: dict[str, psutil.Process]) -> None:
        """Others run in their place, and each is ready; that is noted."""
        for name, process in before.items():
            wait_until(lambda p=process: not processes.alive(p), SECONDS, f"the end of {name}")
            wait_until(lambda n=name: self.healthy(n), SECONDS, f"{name} again")
            wait_until(lambda n=name: self.told(n)[-1:] == ["started"], SECONDS, f"the note that {name} was started")

    def told(self, name: str) -> list[str]:
        return [event.what for event in read_events(self.supervisor.events) if event.service == name]


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reduced]:
    one = Reduced(tmp_path_factory.mktemp("supervision") / f"{'deep' * 20} 100 % ;#" / "var")
    try:
        for name in PARTS:
            one.supervisor.start(called(name, one.settings))
        yield one
    finally:
        held = one.holder("redis")
        for name in reversed(PARTS):
            one.supervisor.stop(name)
    assert not [name for name in PARTS if one.supervisor.process(name)]
    assert not processes.alive(held), "no holder stays behind"


@pytest.fixture(autouse=True)
def whole(reduced: Reduced) -> Iterator[None]:
    """Each test finds and leaves everything running."""
    yield
    for name in PARTS:
        wait_until(lambda n=name: reduced.healthy(n), SECONDS, f"{name} after the test")


def test_what_is_killed_is_there_again_twice_and_its_neighbour_with_it(reduced: Reduced) -> None:
    neighbour = reduced["facade"]
    for _ in range(2):
        reduced.heals(reduced.send(signal.SIGKILL, "redis"))
    assert reduced.told("redis") == ["died", "started", "died", "started"]
    reasons = [event.reason for event in read_events(reduced.supervisor.events) if event.what == "died"]
    assert reasons[0].startswith("it is gone; its log ends with: "), "its parent was another process"
    assert reasons[1].startswith("killed by SIGKILL; its log ends with: ")
    reduced.heals(reduced.send(signal.SIGKILL, "facade"))
    assert neighbour.pid != reduced["facade"].pid


def test_supervisord_and_the_keeper_die_one_after_the_other_and_no_service_notices(reduced: Reduced) -> None:
    services = {name: reduced[name] for name in ("redis", "facade")}
    reduced.heals(reduced.send(signal.SIGKILL, "keeper", supervisord.NAME))
    assert {name: reduced[name] for name in services} == services
    wait_until(lambda: supervisord.answers(reduced.settings), SECONDS, "its holders")
    reduced.heals(reduced.send(signal.SIGKILL, "redis"))  # the holders of now keep what they adopted


def test_what_hangs_is_killed_and_there_again(reduced: Reduced) -> None:
    holder = reduced.holder("redis")
    holder.suspend()
    stopped = reduced.send(signal.SIGSTOP, "facade", supervisord.NAME)
    reduced.heals(stopped)
    assert reduced.told("facade")[-2:] == ["hung", "started"]
    wait_until(lambda: not processes.alive(holder), SECONDS, "the end of the holder that hangs")
    reduced.heals(reduced.send(signal.SIGSTOP, "keeper"))
    assert reduced.told("keeper")[-2:] == ["hung", "started"]


def test_a_killed_holder_costs_nothing(reduced: Reduced) -> None:
    before, holder = reduced["redis"], reduced.holder("redis")
    holder.kill()
    wait_until(lambda: reduced.holder_of("redis") not in (0, holder.pid), SECONDS, "another holder")
    assert reduced["redis"] == before
    reduced.heals(reduced.send(signal.SIGKILL, "redis"))


def test_a_lost_or_damaged_pid_file_is_written_again_while_the_process_lives(reduced: Reduced) -> None:
    before, file = reduced["redis"], reduced.supervisor.directory / "run" / "redis.json"
    written = file.read_text()
    for damage in (file.unlink, lambda: file.write_text(written[: len(written) // 2])):
        damage()
        wait_until(lambda: file.is_file() and '"boot"' in file.read_text(), SECONDS, "the pid file")
        assert reduced["redis"] == before
    file.unlink()
    assert reduced.supervisor.process("redis") == before, "found by what it writes, its log"
    assert file.is_file()


def test_what_is_stopped_stays_stopped_and_runs_when_it_is_started(reduced: Reduced) -> None:
    assert reduced.supervisor.stop("redis")
    reduced.heals(reduced.send(signal.SIGKILL, supervisord.NAME))
    wait_until(lambda: supervisord.answers(reduced.settings), SECONDS, "the holders of now")
    assert reduced.supervisor.process("redis") is None
    assert reduced.told("redis")[-1] == "stopped"
    reduced.supervisor.start(called("redis", reduced.settings))
    reduced.heals(reduced.send(signal.SIGKILL, "redis"))


def test_a_port_that_a_process_left_behind_holds_is_given_back(reduced: Reduced) -> None:
    """Its leader and its pid file are lost: it is known by the log that it writes."""
    orphan = reduced["redis"]
    reduced.supervisor.stop("redis")
    assert not processes.alive(orphan)
    child = reduced.left_behind("redis")
    left = psutil.Process(child.pid)
    reduced.supervisor.require_ports(called("redis", reduced.settings))
    reduced.supervisor.start(called("redis", reduced.settings))
    assert not processes.alive(left)
    child.wait(timeout=SECONDS)


def test_a_person_sees_what_died_when_why_and_what_came_of_it(reduced: Reduced) -> None:
    reduced.heals(reduced.send(signal.SIGKILL, "redis"))
    (row,) = [
        status.row(i, reduced.supervisor, [e for e in read_events(reduced.supervisor.events) if e.service == "redis"])
        for i in instances_of("redis", reduced.settings)
    ]
    state = dict(zip(status.COLUMNS, row, strict=True))["state (times are UTC)"]
    running = rf"running \(pid {reduced['redis'].pid}\) since [0-9: -]+"
    assert re.fullmatch(rf"{running}; restarts: \d+, last death .*: (killed by SIGKILL|it is gone)", state)
    newest = [line for line in status.last_deaths(reduced.supervisor) if " redis died: " in line][-1]
    assert "; started again " in newest


def test_a_holder_takes_little_memory_and_holds_no_secret(reduced: Reduced) -> None:
    holder = reduced.holder("redis")
    wait_until(lambda: processes.memory([holder]) < 8 * 1024**2, SECONDS, "the holder in the place of the starter")
    assert not {"MOEBIUS_PSEUDONYM_KEYS", "MOEBIUS_APPROVAL_KEY"} & holder.environ().keys()
    assert os.getsid(holder.pid) == reduced[supervisord.NAME].pid
