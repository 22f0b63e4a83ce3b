"""Who waits for a start goes on waiting while there is progress, or while the machine is to blame."""

import itertools

import pytest

from include.platform import patience
from include.platform.patience import Patience


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the code sees; what is appended is the time from then on."""
    times = [0.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: times[-1])
    monkeypatch.setattr(patience, "machine_is_busy", lambda: False)
    return times


def test_a_process_without_progress_is_given_up_after_its_silence(clock: list[float]) -> None:
    waiting = Patience(90, lambda: (10, 1.0))
    for second in (30, 60, 90):
        clock.append(second)
        assert not waiting.fault()
    clock.append(200)
    assert "without progress for 90 s" in waiting.fault()


@pytest.mark.parametrize("kind", ["log", "cpu"])
def test_a_process_that_writes_or_computes_is_waited_for(clock: list[float], kind: str) -> None:
    count = itertools.count()
    waiting = Patience(90, lambda: (next(count), 0.0) if kind == "log" else (0, 10.0 * next(count)))
    for second in range(0, 899, 60):
        clock.append(second)
        assert not waiting.fault()


def test_a_process_that_gets_no_time_on_a_busy_machine_is_waited_for(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "machine_is_busy", lambda: True)
    waiting = Patience(90, lambda: (0, 0.0))
    for second in range(0, 899, 60):
        clock.append(second)
        assert not waiting.fault()
    assert "the machine is busy" in waiting.report()


def test_a_process_that_works_for_ever_is_given_up(clock: list[float]) -> None:
    count = itertools.count()
    waiting = Patience(90, lambda: (next(count), 0.0))
    for second in range(0, 960, 30):
        clock.append(second)
        fault = waiting.fault()
    assert fault == f"works, but is not ready after {patience.LONGEST:.0f} s"
