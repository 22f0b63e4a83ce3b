"""The same step by several at once, who all come before the first of them is done, if nothing keeps them apart."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

MANY = 6
PATIENCE = 0.3  # seconds in which all would have come


def many_at_once(step: Callable[[], Any]) -> list[Any]:
    """What each of them got."""
    with ThreadPoolExecutor(MANY) as pool:
        return [future.result() for future in [pool.submit(step) for _ in range(MANY)]]


def meeting(work: Callable[..., Any]) -> Callable[..., Any]:
    """``work``, begun when all have come to it, or none came for a while; ``.times`` says how often it was done."""
    barrier, times = Barrier(MANY), []

    def met(*arguments: Any, **options: Any) -> Any:
        times.append(1)
        with suppress(BrokenBarrierError):
            barrier.wait(PATIENCE)
        return work(*arguments, **options)

    met.times = times  # type: ignore[attr-defined]
    return met
