"""Processes: started once, found again, stopped with everything below them; a taken port is named."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psutil
import pytest

from include.contracts.platform import read_events
from include.errors import ServiceError, SettingsError
from include.platform import patience, processes
from include.platform.embedded import Platform
from include.platform.supervisor import Service, Supervisor
from include.settings import Settings
from tests import living
from tests.integration.pipeline_fixtures import wait_until
from tests.integration.ports import free_ports
from tests.integration.small_disk_fixtures import mounted

pytestmark = pytest.mark.integration

FAMILY = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open(sys.argv[1], "w").write("ready")
time.sleep(600)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    one = Supervisor(tmp_path / "platform", "127.0.0.1")
    yield one
    one.stop("family")


def family(tmp_path: Path, **options: object) -> Service:
    """A process with a child in a session of its own, as Airflow's task runners have."""
    ready = tmp_path / "ready"
    argv = [sys.executable, "-c", FAMILY, str(ready)]
    defaults = {"argv": argv, "ports": {}, "ready": ready.is_file, "address": "", "env": {}}
    return Service(name="family", **{**defaults, **options})


def test_down_stops_the_whole_family_and_nothing_else(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(family(tmp_path))
    leader = supervisor.process("family")
    assert leader is not None
    everyone = [leader, *leader.children(recursive=True)]
    assert len(everyone) == 2
    bystander = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        assert supervisor.stop("family")
        assert not any(processes.alive(p) for p in everyone)
        assert bystander.is_running()
    finally:
        bystander.kill()
        bystander.wait()
    assert supervisor.process("family") is None
    assert not supervisor.stop("family"), "nothing is left to stop"


LATE = """
import signal, subprocess, sys, time
def end(*_):
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]]
    subprocess.Popen(sleeper, start_new_session=True)
    sys.exit()
signal.signal(signal.SIGTERM, end)
open(sys.argv[1], "w").write("ready")
time.sleep(600)
"""


def test_what_a_process_begins_while_it_is_stopped_ends_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "ready"
    supervisor.start(family(tmp_path, argv=[sys.executable, "-c", LATE, str(mark)]))
    assert supervisor.stop("family")
    left = [one for one in psutil.process_iter() if str(mark) in living.command_line(one)]
    assert not any(processes.alive(one) for one in left)


def test_up_twice_starts_once_and_another_supervisor_finds_it(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(family(tmp_path))
    first = supervisor.process("family")
    supervisor.start(family(tmp_path))
    assert supervisor.process("family") == first
    assert Supervisor(supervisor.directory, "127.0.0.1").process("family") == first
    assert supervisor.memory("family") > 0


def test_what_died_is_revived_and_what_was_stopped_or_never_started_is_not(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    service = family(tmp_path)
    assert not supervisor.revive(service)
    supervisor.start(service)
    first = supervisor.process("family")
    assert not supervisor.revive(service), "it lives"
    first.kill()
    wait_until(lambda: supervisor.died("family"), what="its end")
    assert supervisor.revive(service)
    assert supervisor.process("family") not in (None, first)
    assert supervisor.stop("family")
    assert not supervisor.revive(service)


def test_what_dies_on_a_full_disk_is_revived_found_and_stopped(tmp_path: Path) -> None:
    """Its pid file takes the space of the one before; logs and events are left out."""
    with mounted(tmp_path / "disk", "1m") as disk:
        one = Supervisor(disk.path / "platform", "127.0.0.1")
        service = family(tmp_path)
        one.start(service)
        first = one.process("family")
        with disk.full():
            first.kill()
            wait_until(lambda: one.died("family"), what="its end")
            assert one.revive(service)
            second = one.process("family")
            assert second not in (None, first)
            assert Supervisor(one.directory, "127.0.0.1").process("family") == second
            assert one.is_wanted("family")
            assert one.stop("family")
            assert not processes.alive(second)


def test_a_process_without_a_pid_file_is_found_and_stopped_by_its_mark(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(family(tmp_path))
    first = supervisor.process("family")
    everyone = [first, *first.children(recursive=True)]
    (supervisor.directory / "run" / "family.json").unlink()
    supervisor.start(family(tmp_path))
    assert supervisor.process("family") == first, "it is not started twice"
    (supervisor.directory / "run" / "family.json").write_text("{")
    assert supervisor.stop("family")
    assert not any(processes.alive(one) for one in everyone)


def test_what_hangs_is_ended_and_its_workers_may_finish(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(family(tmp_path))
    hung = supervisor.process("family")
    (worker,) = hung.children()
    hung.suspend()
    assert supervisor.end_hung("family", "it answers nothing", workers_finish=True)
    assert not processes.alive(hung)
    assert processes.alive(worker)
    assert supervisor.resume(family(tmp_path, workers_finish=True))
    assert not processes.alive(worker), "it has no work, and nobody who gives it some"
    assert [(e.what, e.reason) for e in read_events(supervisor.events)] == [
        ("hung", "it answers nothing"),
        ("started", "after its death"),
    ]


def test_a_pid_that_somebody_else_got_does_not_count(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(family(tmp_path))
    record = supervisor.directory / "run" / "family.json"
    ticks = str(processes.ticks(supervisor.process("family").pid))
    record.write_text(record.read_text().replace(ticks, "1"))
    other = Supervisor(supervisor.directory, "127.0.0.1")
    assert other.process("family") is None


@pytest.mark.parametrize("other", [{"ticks": 1}, {"boot": "another"}], ids=["this boot", "an earlier boot"])
def test_who_got_the_pid_of_what_ended_is_not_stopped_in_its_place(
    supervisor: Supervisor, tmp_path: Path, other: dict[str, Any]
) -> None:
    """Nor is what that process started; neither when the service is stopped nor when it is started again."""
    supervisor.start(family(tmp_path))
    ended = supervisor.process("family")
    ended.kill()
    wait_until(lambda: supervisor.died("family"), what="its end")
    ready = tmp_path / "stranger"
    stranger = psutil.Popen([sys.executable, "-c", FAMILY, str(ready)], start_new_session=True)
    wait_until(ready.is_file, what="the stranger's child")
    (child,) = stranger.children()
    try:
        record = supervisor.directory / "run" / "family.json"
        identity = json.loads(record.read_text()) | {"pid": stranger.pid, "ticks": processes.ticks(stranger.pid)}
        record.write_text(json.dumps(identity | other))
        assert supervisor.stop("family"), "its own child was left"
        assert [processes.alive(one) for one in (stranger, child)] == [True, True]
        record.write_text(json.dumps(identity | other))
        supervisor.start(family(tmp_path))
        assert [processes.alive(one) for one in (stranger, child)] == [True, True]
    finally:
        processes.kill([child, stranger], 60)


def test_a_taken_port_is_named_with_its_setting_and_its_holder(supervisor: Supervisor, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"port {port} .*pid \d+.*MOEBIUS_MLFLOW_PORT"):
            supervisor.start(family(tmp_path, ports={"mlflow_port": port}))
    assert supervisor.process("family") is None


def test_a_port_that_the_last_service_needs_is_named_before_the_first_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        others = [name for name in Settings.model_fields if name.endswith("_port") and name != "airflow_port"]
        free = dict(zip(others, free_ports(len(others)), strict=True))
        platform = Platform(Settings(home=tmp_path, airflow_port=taken.getsockname()[1], **free))
        started: list[str] = []
        with pytest.raises(SettingsError, match="MOEBIUS_AIRFLOW_PORT"):
            platform.up(started.append)
    assert started == []
    assert platform.down() == []


def test_a_service_that_ends_while_starting_shows_its_last_words(supervisor: Supervisor) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no disk left')"]
    broken = Service(name="family", argv=argv, env={}, ports={}, ready=lambda: False, address="")
    with pytest.raises(ServiceError, match=r"family ended while starting; see .*family.log:\nno disk left"):
        supervisor.start(broken)


WORKS = """
import sys, time
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    print("one more table", flush=True)
    time.sleep(0.02)
open(sys.argv[1], "w").write("ready")
time.sleep(600)
"""


def test_a_start_that_shows_progress_is_waited_for_longer_than_a_silence_may_last(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    argv = [sys.executable, "-c", WORKS, str(ready), "5"]
    supervisor.start(Service("family", argv, {}, {}, ready.is_file, "", timeout=2))
    assert supervisor.process("family")


def test_a_start_without_progress_is_given_up_and_its_log_is_named(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "machine_is_busy", lambda: False)
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    silent = Service("family", argv, {}, {}, lambda: False, "", timeout=0.5)
    with pytest.raises(
        ServiceError, match=r"family not ready after .*, and without progress for 0 s; see .*family.log"
    ):
        supervisor.start(silent)


@pytest.mark.parametrize("code", [0, 3])
def test_what_prepares_others_is_done_when_it_has_ended_well(supervisor: Supervisor, code: int) -> None:
    argv = [sys.executable, "-c", f"import sys; print('migrating'); sys.exit({code})"]
    prepares = Service("family", argv, {}, {}, None, "")
    with pytest.raises(ServiceError, match=r"failed \(exit 3\).*\nmigrating") if code else nullcontext():
        supervisor.start(prepares)
    assert supervisor.process("family") is None


def test_another_value_of_a_setting_than_at_the_start_is_named(supervisor: Supervisor, tmp_path: Path) -> None:
    watched = ["MOEBIUS_PARALLELISM"]
    supervisor.start(family(tmp_path, env={"MOEBIUS_PARALLELISM": "4", "SHLVL": "1"}, watched=watched))
    assert supervisor.changed(family(tmp_path, env={"MOEBIUS_PARALLELISM": "4", "SHLVL": "2"}, watched=watched)) == []
    other = family(tmp_path, env={"MOEBIUS_PARALLELISM": "8"}, watched=watched)
    assert supervisor.changed(other) == ["MOEBIUS_PARALLELISM"]


def test_what_a_service_writes_is_readable_by_its_owner_only(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(family(tmp_path))
    written = [tmp_path / "ready", *supervisor.directory.rglob("*.log"), *supervisor.directory.rglob("*.json")]
    assert len(written) == 3
    assert not [path for path in written if path.stat().st_mode & 0o077]
