"""Waiting for what must happen, on a machine that may be busy with other work."""

import time
from collections.abc import Callable
from typing import TypeVar

from include.platform.patience import Patience

Found = TypeVar("Found")


def wait_until(true: Callable[[], Found], seconds: float = 20.0, what: str = "", pause: float = 0.02) -> Found:
    """Until it is true, and that value; fails after ``seconds`` in which the machine had time for it."""
    patience = Patience(seconds)
    while not (found := true()):
        fault = patience.fault()
        assert not fault, f"{what or 'what was waited for'}: {fault}"
        time.sleep(pause)
    return found
