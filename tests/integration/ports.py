"""Ports of 127.0.0.1 for the servers of tests, below those that the kernel gives to outgoing connections.

A server that a test kills finds its port free when it is started again: no connection of another process can have got
it meanwhile, and no other call of this process gets it.
"""

import itertools
import random
import socket
from collections.abc import Iterator

LOW, HIGH = 12_000, 32_000


def _shuffled() -> Iterator[int]:
    """Each in turn, in an order of this process."""
    return itertools.cycle(random.SystemRandom().sample(range(LOW, HIGH), HIGH - LOW))


_candidates = _shuffled()


def free_port() -> int:
    """One on which nobody listens."""
    return next(port for port in _candidates if _is_free(port))


def free_ports(count: int) -> list[int]:
    """So many of them."""
    return [free_port() for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
