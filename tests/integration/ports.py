"""Ports of 127.0.0.1 for the servers of tests, below those that the kernel gives to outgoing connections.

A server that a test kills finds its port free when it is started again: no connection of another process can have got
it meanwhile, and no other call of this process, or of another one that runs tests, gets it.
"""

import fcntl
import itertools
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

LOW, HIGH = 12_000, 32_000
_taken = os.open(Path(gettempdir()) / f"moebius-ports-of-tests-{os.getuid()}", os.O_RDWR | os.O_CREAT, 0o600)
"""A file that stays empty; at the place of each port is a lock of the process that got it, until that ends."""


def _shuffled() -> Iterator[int]:
    """Each in turn, in an order of this process."""
    return itertools.cycle(random.SystemRandom().sample(range(LOW, HIGH), HIGH - LOW))


_candidates = _shuffled()


def free_port() -> int:
    """One on which nobody listens, and no other process that runs tests will."""
    return next(port for port in _candidates if _is_ours(port) and _is_free(port))


def free_ports(count: int) -> list[int]:
    """So many of them."""
    return [free_port() for _ in range(count)]


def _is_ours(port: int) -> bool:
    try:
        fcntl.lockf(_taken, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
