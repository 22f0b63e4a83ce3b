"""Processes that end or are stopped are noticed at once."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from include.processes.keeper import exits

LONG = 60.0


@pytest.fixture
def process() -> Iterator[subprocess.Popen]:
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["ends", "stopped"])
def test_who_ends_or_is_stopped_is_named_long_before_the_time_is_over(process: subprocess.Popen, number: int) -> None:
    process.send_signal(number)
    begun = time.monotonic()
    assert exits.alert([process.pid], LONG) == {process.pid}
    assert time.monotonic() - begun < LONG / 2


def test_nothing_is_named_while_all_go_on_and_what_was_gone_before_is(process: subprocess.Popen) -> None:
    assert exits.alert([process.pid], 0.05) == set()
    assert exits.alert([], 0.05) == set()
    process.kill()
    process.wait()
    assert exits.alert([process.pid], LONG) == {process.pid}
    exits.end(process.pid)


def test_only_the_older_of_two_processes_of_one_name_is_left_over(monkeypatch: pytest.MonkeyPatch) -> None:
    created = {1: 10.0, 2: 20.0, 3: 5.0}
    monkeypatch.setattr(exits, "_created", created.__getitem__)
    left = exits.Leftovers(0.0)
    assert left.overdue({2: ("m", "m_0_0"), 1: ("m", "m_0_0"), 3: ("m", "m_0_1")}) == [1]
    left.seconds = LONG
    assert left.overdue({2: ("m", "m_0_0"), 1: ("m", "m_0_0")}) == []
