"""Every fault on a platform under load, then every kind of damage; ``test_whole.py`` and the bench use it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos import damage
from tests.chaos.catalogue import Waves
from tests.chaos.damage import Damaged
from tests.chaos.drill import Drill, Finding
from tests.chaos.driver import Driver
from tests.chaos.feed import Feed
from tests.chaos.surroundings import small_disk
from tests.chaos.world import World, world

REDUCED_MIB, WHOLE_MIB = 400, 1500
REDUCED_RATE, WHOLE_RATE = 15.0, 30.0
"""Requests per second and way."""


@dataclass(frozen=True)
class Stage:
    """A platform under load. ``disk``: why it has no file system of its own; '' when it has one."""

    world: World
    driver: Driver
    feed: Feed
    drill: Drill
    disk: str


@dataclass(frozen=True)
class Played:
    """``events``: rows of events that were lost, and that were computed wrong."""

    findings: list[Finding]
    damaged: list[Damaged]
    events: tuple[int, int]
    status: str
    load: tuple[float, float]
    at: str
    patience: float


@contextmanager
def stage(place: Path, *, whole: bool = False, patience: float = 120.0) -> Iterator[Stage]:
    """Started, asked by each of two ways, and fed two events a second, until the block ends."""
    with ExitStack() as stack:
        reason = stack.enter_context(small_disk(place, WHOLE_MIB if whole else REDUCED_MIB))
        made = stack.enter_context(world(place / "var", whole=whole))
        driver = stack.enter_context(
            Driver(made.serving, Path(made.release.path), made.ways(), WHOLE_RATE if whole else REDUCED_RATE)
        )
        feed = stack.enter_context(Feed(made.services))
        yield Stage(made, driver, feed, Drill(made, driver, patience), reason)


def play(
    waves: Waves,
    say: Callable[[str], object],
    *,
    whole: bool,
    kinds: tuple[damage.Kind, ...],
    keep: Callable[[list[Finding], list[Damaged]], object] = lambda findings, damaged: None,
) -> Played:
    """``say`` gets a line for each finding as it comes, and ``keep`` all of them."""
    load = os.getloadavg()[0]
    damaged: list[Damaged] = []
    with tempfile.TemporaryDirectory(prefix="chaos-") as place, stage(Path(place), whole=whole) as on:
        for wave in waves:
            if on.disk and any("disk" in fault.name for fault in wave):
                say(f"left out, {on.disk}: {', '.join(fault.name for fault in wave)}")
                continue
            for finding in on.drill.play(*wave):
                say(f"{finding.name}: {finding}")
            keep(on.drill.findings, damaged)
        events, status = on.feed.lost_and_wrong(), on.world.status()  # before online.db is replaced below the consumer
        damage.prepare(on.world)
        for one in damage.damages(on.world, on.driver, kinds):
            damaged.append(one)
            say(f"{one.name}, {one.way}: {one.result} {one.words}")
            keep(on.drill.findings, damaged)
    at = datetime.now(UTC).isoformat(timespec="minutes")
    return Played(on.drill.findings, damaged, events, status, (load, os.getloadavg()[0]), at, on.drill.patience)
