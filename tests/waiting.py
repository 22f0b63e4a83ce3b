"""Waiting for what must happen, on a machine that may be busy with other work."""

import time
from collections.abc import Callable

from include.platform.patience import Patience


def wait_until(true: Callable[[], object], seconds: float = 20.0, what: str = "", pause: float = 0.02) -> None:
    """Until it is true; fails after ``seconds`` in which the machine had time for it."""
    patience = Patience(seconds)
    while not true():
        fault = patience.fault()
        assert not fault, f"{what or 'what was waited for'}: {fault}"
        time.sleep(pause)
