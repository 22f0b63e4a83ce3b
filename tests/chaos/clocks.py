"""The wall clock of the whole platform, moved by libfaketime; its monotonic clock goes on, as after a step by NTP."""

from pathlib import Path

from tests.chaos.faults import Fault, Pids
from tests.chaos.surroundings import everybody_is_well
from tests.chaos.world import World

LIBRARIES = ("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
NONE = "the clock cannot be moved, libfaketime is not installed: apt-get install faketime"


def library() -> str:
    """'' where it is not installed."""
    return next((path for path in LIBRARIES if Path(path).is_file()), "")


def variables(place: Path) -> dict[str, str]:
    """For the environment of every process; the clock is right until ``stepped``."""
    _set(place, "+0")
    return {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(_file(place)),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }


def stepped(offset: str, words: str, lasts: int) -> Fault:
    """``offset`` as libfaketime has it: ``+1d``, ``-1d``."""

    def step(world: World) -> Pids:
        _set(world.home.parent, offset)
        return set()

    return Fault(
        f"clock-{words.replace(' ', '-')}",
        f"the wall clock jumps {words}",
        (),
        step,
        lambda world, _: everybody_is_well(world),
        lasts=lasts,
        relieve=lambda world: _set(world.home.parent, "+0"),
    )


def _set(place: Path, offset: str) -> None:
    _file(place).write_text(f"{offset}\n")


def _file(place: Path) -> Path:
    return place / "clock"
