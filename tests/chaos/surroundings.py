"""What is around the processes and fails: the disk that holds the state, and a lock on the store of online features."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.faults import Fault, Pids
from tests.chaos.world import World

MIB = 1024 * 1024


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[str]:
    """A file system of ``size`` MiB at ``place``; or why there is none, and the place is on the disk of all others."""
    if os.geteuid():
        yield "a file system of its own needs root"
        return
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if made.returncode:
        yield f"no file system of its own: {made.stderr.strip()}"
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@dataclass
class Ballast:
    """Takes all the space that is left, and gives it back."""

    file: Path

    def fill(self) -> None:
        with self.file.open("wb", buffering=0) as file:
            for size in (MIB, 4096, 1):
                _write_until_full(file.fileno(), b"\0" * size)

    def free(self) -> None:
        self.file.unlink()


def _write_until_full(descriptor: int, part: bytes) -> None:
    try:
        while os.write(descriptor, part) == len(part):
            pass
    except OSError:
        return


def full_disk(lasts: int) -> Fault:
    """No byte is left for anybody, until so many requests were over."""

    def fill(world: World) -> Pids:
        Ballast(world.home.parent / "ballast").fill()
        return set()

    return Fault(
        "disk-full",
        "the disk is full",
        (),
        fill,
        lambda world, _: everybody_is_well(world),
        lasts=lasts,
        relieve=lambda world: Ballast(world.home.parent / "ballast").free(),
    )


def full_disk_and(fault: Fault, lasts: int) -> Fault:
    """Another fault while no byte is left; it heals then or when there is space again."""

    def inject(world: World) -> Pids:
        Ballast(world.home.parent / "ballast").fill()
        return fault.inject(world)

    return Fault(
        f"disk-full-and-{fault.name}",
        f"the disk is full, and {fault.what}",
        fault.services,
        inject,
        lambda world, hurt: fault.healed(world, hurt) and everybody_is_well(world),
        seconds=fault.seconds,
        lasts=lasts,
        relieve=lambda world: Ballast(world.home.parent / "ballast").free(),
    )


@dataclass
class Lock:
    """An exclusive transaction on the SQLite store of online features, as a long write of a month has it."""

    _held: list[sqlite3.Connection] = field(default_factory=list)

    def take(self, world: World) -> Pids:
        file = world.settings.online_store_url.removeprefix("sqlite:///")
        connection = sqlite3.connect(file, isolation_level=None, timeout=60, check_same_thread=False)
        connection.execute("BEGIN EXCLUSIVE")
        self._held.append(connection)
        return set()

    def release(self, world: World) -> None:
        while self._held:
            connection = self._held.pop()
            connection.execute("ROLLBACK")
            connection.close()


def locked_store(lasts: int) -> Fault:
    lock = Lock()
    return Fault(
        "online-store-locked",
        "the SQLite store of online features is locked by a writer",
        (),
        lock.take,
        lambda world, _: everybody_is_well(world),
        lasts=lasts,
        relieve=lock.release,
    )


def everybody_is_well(world: World) -> bool:
    return all(world.runs_well(one.name) for one in world.parts())
