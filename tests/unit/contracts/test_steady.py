"""How long something takes does not hang on the wall clock while the machine runs."""

import time

import pytest

from include.contracts import steady
from include.contracts.deployment import FORMER_LEASE_SECONDS, Lease, RolloutState
from include.contracts.steady import Tick, elapsed

DAY = 24 * 3600.0
BEGUN = Tick(boot="one start", uptime=100.0, at=1_000_000.0)


def later(seconds: float, *, step: float = 0.0, boot: str = BEGUN.boot) -> Tick:
    return Tick(boot=boot, uptime=BEGUN.uptime + seconds, at=BEGUN.at + seconds + step)


@pytest.mark.parametrize("step", [0, DAY, -DAY, 400 * DAY, -BEGUN.at])
def test_a_step_of_the_wall_clock_changes_no_duration(step: float) -> None:
    assert elapsed(BEGUN, later(60, step=step)) == 60
    lease = Lease(seconds=100, given=BEGUN)
    assert not lease.over(later(99, step=step))
    assert lease.over(later(101, step=step))


@pytest.mark.parametrize(("step", "over"), [(0, False), (DAY, True), (-DAY, True)])
def test_across_a_restart_of_the_machine_a_clock_that_was_set_ends_a_lease_and_never_prolongs_it(
    step: float, over: bool
) -> None:
    assert Lease(seconds=100, given=BEGUN).over(later(60, step=step, boot="another start")) == over


def test_a_moment_that_cannot_be_yet_is_as_far_as_the_wall_clock_says() -> None:
    copied = BEGUN.model_copy(update={"uptime": 10_000.0})  # a copy of a machine goes on with its start's name
    assert elapsed(copied, later(60)) == 60


def test_the_kernel_tells_the_time_whatever_the_wall_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = steady.now()
    wall = time.time()
    monkeypatch.setattr(steady.time, "time", lambda: wall - DAY)
    assert 0 <= elapsed(begun) < 3600
    assert steady.now().at == wall - DAY


def test_a_state_that_an_earlier_version_wrote_is_read_with_its_lease() -> None:
    now = steady.now()
    written = {
        "usecase": "u", "generation": 3, "champion": "r0001", "weights": {"r0001": 0.8, "r0002": 0.2},
        "strategy": "canary", "reason": "20% canary of r0002", "lease_until": now.at + 100, "since": now.at - 50,
    }  # fmt: skip
    state = RolloutState.model_validate(written)
    assert state.lease is not None
    assert state.lease.seconds == FORMER_LEASE_SECONDS
    assert not state.lapsed
    assert 50 <= state.watched < 3600
    assert RolloutState.model_validate(written | {"lease_until": now.at - 1}).lapsed
    assert RolloutState.model_validate(written | {"lease_until": None}).lease is None
    assert RolloutState.model_validate_json(state.model_dump_json()) == state
