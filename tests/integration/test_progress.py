"""The wait for a process ends by what the process does, not by the clock of a busy machine."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.progress import Started

pytestmark = pytest.mark.integration
WORKS = "while True: pass"
WAITS = "import time; print('waits', flush=True); time.sleep(600)"


@contextmanager
def started(tmp_path: Path, program: str, **limits: Any) -> Iterator[Started]:
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=file)
    try:
        yield Started(process, log, **limits)
    finally:
        process.kill()
        process.wait()


def never() -> bool:
    return False


def after(times: int) -> Callable[[], bool]:
    asked = iter(range(times))
    return lambda: next(asked, None) is None


def test_one_that_works_is_waited_for_longer_than_it_may_idle(tmp_path: Path) -> None:
    with started(tmp_path, WORKS, idle=0.5) as one:
        one.until(after(20), "the program")


@pytest.mark.parametrize(("program", "why"), [(WORKS, "s of CPU"), (WAITS, "does nothing: waits"), ("1 / 0", "ended")])
def test_one_that_gets_nowhere_is_given_up(tmp_path: Path, program: str, why: str) -> None:
    with started(tmp_path, program, idle=0.5, cpu=1.0) as one, pytest.raises(AssertionError, match=why):
        one.until(never, "the program")
