"""The wall clock of the model servers, moved by libfaketime; their monotonic clock goes on, as after a step by NTP.

Redis does not run under libfaketime, and the servers that the keeper starts have the right time again: so the clock is
moved before anything dies.
"""

from tests.chaos.faults import Fault, Pids
from tests.chaos.surroundings import everybody_is_well
from tests.chaos.world import World, clock, faketime


def stepped(days: int, lasts: int) -> Fault:
    """By so many days, until so many requests were over; then it is right again."""

    def step(world: World) -> Pids:
        clock(world.home, days * 24 * 3600)
        return set()

    return Fault(
        f"clock-{days:+d}d",
        f"the wall clock of the model servers jumps {days:+d} day",
        ("triton",),
        step,
        lambda world, _: everybody_is_well(world),
        lasts=lasts,
        relieve=lambda world: clock(world.home, 0),
    )


def reason() -> str:
    """Why the clock cannot be moved; '' when it can."""
    return "" if faketime() else "the clock cannot be moved: apt-get install faketime"
