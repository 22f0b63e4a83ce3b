"""CPU seconds of a service: its processes and those that ended, so that the counter of Prometheus does not fall."""

import select
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from include.platform.vitals import TICKS, cpu_seconds, ticks

SECONDS = 0.3
BURNS = f"import time\nwhile time.process_time() < {SECONDS}: pass"
LEADER = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {BURNS + chr(10) + "print(flush=True); input()"!r}],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print("the child has burnt it", flush=True)
input()
child.communicate(b"\\n")
print("the child has ended", flush=True)
input()
"""

RELAY = f"""
import subprocess, sys
for _ in range(12):
    subprocess.run([sys.executable, "-S", "-c", {"import time" + chr(10) + "while time.process_time() < .05: pass"!r}])
print("all have ended", flush=True)
input()
"""


@pytest.fixture
def relay() -> Iterator[subprocess.Popen[str]]:
    yield from started(RELAY)


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[str]]:
    yield from started(LEADER)


def started(program: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def heard(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout
    assert words in process.stdout.readline()


def let_go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_the_time_of_a_child_counts_while_it_runs_and_after_it_ended(leader: subprocess.Popen[str]) -> None:
    watched = psutil.Process(leader.pid)
    heard(leader, "burnt")
    running = cpu_seconds(watched)
    let_go_on(leader)
    heard(leader, "ended")
    ended = cpu_seconds(watched)
    assert running is not None
    assert ended is not None
    assert SECONDS - 0.1 <= running <= ended, "the system counts in hundredths of a second"


def test_the_figure_never_falls_while_children_come_and_go(relay: subprocess.Popen[str]) -> None:
    """The smallest fall is a restart to Prometheus: it would count all that was spent until then once more."""
    assert relay.stdout
    watched, figures = psutil.Process(relay.pid), [0.0]
    while not select.select([relay.stdout], [], [], 0)[0]:
        if (now := cpu_seconds(watched)) is not None:
            figures.append(now)
    assert figures == sorted(figures)
    assert figures[-1] > 0


@pytest.mark.parametrize(("parent", "child"), [(0.2, 0.11), (0.1, 0.2), (0.07, 0.28)])
def test_what_a_child_has_spent_counts_the_same_as_its_parents(parent: float, child: float) -> None:
    together = round((parent + child) * TICKS)
    assert ticks(family(parent)) + ticks(family(child)) == ticks(family(parent, child)) == together


def family(own: float, of_children: float = 0.0) -> Any:
    return SimpleNamespace(
        cpu_times=lambda: SimpleNamespace(user=own, system=0.0, children_user=of_children, children_system=0.0)
    )


def test_a_leader_that_has_ended_has_no_figure(leader: subprocess.Popen[str]) -> None:
    watched = psutil.Process(leader.pid)
    leader.kill()
    leader.wait()
    assert cpu_seconds(watched) is None
