"""Transitions of the rollout state."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.deployment import RolloutState
from include.deployment import rollout
from include.errors import ConflictError, DeploymentError, RolloutAbortedError
from include.specification.loader import load_usecase
from tests.unit.fakes.state import MemoryState

SPEC = load_usecase("flight_delay")
FIRST = rollout.first(SPEC, "r0001")
LEASE = 3600.0


def test_the_first_release_gets_everything() -> None:
    assert (FIRST.generation, FIRST.champion, FIRST.weights) == (1, "r0001", {"r0001": 1.0})


def test_a_state_replaces_the_one_that_it_was_made_of() -> None:
    store, second = MemoryState(), rollout.promote(FIRST, "r0002")
    assert rollout.read(store, SPEC.name) is None
    with pytest.raises(ConflictError, match=r"is at generation 0 \(none\), not 1: another rollout changed it"):
        rollout.write(store, second)
    rollout.write(store, FIRST)
    rollout.write(store, second)
    assert rollout.read(store, SPEC.name) == second
    with pytest.raises(ConflictError, match=r"is at generation 2 \(r0002 promoted\), not 0"):
        rollout.write(store, FIRST)


def test_a_rollout_shifts_in_steps_and_is_promoted() -> None:
    some = rollout.shift(FIRST, "r0002", 0.2, 9.0)
    assert (some.weights, some.champion, some.lease.seconds) == ({"r0001": 0.8, "r0002": 0.2}, "r0001", 9.0)
    more = rollout.shift(some, "r0002", 0.5, 10.0)
    done = rollout.promote(more, "r0002")
    assert (done.generation, done.champion, done.weights, done.lease) == (4, "r0002", {"r0002": 1.0}, None)


def test_an_abort_gives_everything_back() -> None:
    back = rollout.abort(rollout.shift(FIRST, "r0002", 0.5, 9.0), "p99 too high")
    assert (back.champion, back.weights, back.reason, back.lease) == (
        "r0001",
        {"r0001": 1.0},
        "p99 too high",
        None,
    )


def test_a_roll_back_makes_the_earlier_release_champion() -> None:
    back = rollout.roll_back(rollout.promote(FIRST, "r0002"), "r0001", "complaints")
    assert (back.generation, back.champion, back.reason) == (3, "r0001", "rolled back to r0001: complaints")


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda s: rollout.shift(s, "r0001", 0.2, 9.0), "r0001 serves already"),
        (lambda s: rollout.shift(s, "r0002", 1.5, 9.0), "a share of 1.5 for r0002"),
        (
            lambda s: rollout.shift(rollout.shift(s, "r0002", 0.2, LEASE), "r0003", 0.2, 9.0),
            r"rollout of r0002 is in progress .* operation `abort`",
        ),
        (lambda s: rollout.roll_back(s, "r0001", "x"), "has all the traffic already"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(act, says: str) -> None:
    with pytest.raises(DeploymentError, match=says):
        act(FIRST)


def test_shares_must_add_up() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        RolloutState.model_validate(FIRST.model_dump() | {"weights": {"r0001": 0.5}})


def running(share: float = 0.2, run: str = "run1", **more: object) -> RolloutState:
    return rollout.shift(FIRST, "r0002", share, LEASE, rollout=run, **more)


def test_with_all_of_the_traffic_the_champion_is_still_where_it_goes_back_to() -> None:
    full = rollout.shift(running(), "r0002", 1.0, LEASE, rollout="run1", opens=False)
    assert (full.champion, full.weights, full.lease.seconds) == ("r0001", {"r0001": 0.0, "r0002": 1.0}, LEASE)
    assert rollout.abort(full, "breach").weights == {"r0001": 1.0}


def test_a_growing_share_keeps_its_salt() -> None:
    some = running(sticky_by="tailnum")
    more = rollout.shift(some, "r0002", 0.5, LEASE, rollout="run1", sticky_by="tailnum", opens=False)
    assert (some.sticky_by, some.salt, more.salt) == ("tailnum", "r0002", "r0002")
    done = rollout.promote(more, "r0002", rollout="run1")
    assert (done.sticky_by, done.salt) == (None, "")


def test_a_shadow_gets_no_traffic_and_may_be_rolled_out_afterwards() -> None:
    copied = rollout.mirror(FIRST, "r0002", 0.5, LEASE, "run1")
    assert (copied.weights, copied.challenger) == ({"r0001": 1.0}, "r0002")
    assert copied.shadow.model_dump() == {"release": "r0002", "share": 0.5}
    some = rollout.shift(copied, "r0002", 0.2, LEASE, rollout="run1", opens=False)
    assert some.shadow is None
    with pytest.raises(DeploymentError, match="rollout of r0002 is in progress"):
        rollout.shift(copied, "r0003", 0.2, LEASE, rollout="run2")


@pytest.mark.parametrize("end", ["aborted", "kept"])
def test_what_was_ended_shifts_nothing_again(end: str) -> None:
    over = rollout.abort(running(), "enough seen", end)
    for act in (
        lambda: rollout.shift(over, "r0002", 0.2, LEASE, rollout="run1"),
        lambda: rollout.shift(over, "r0002", 0.5, LEASE, rollout="run1", opens=False),
        lambda: rollout.mirror(over, "r0002", 0.5, LEASE, "run1"),
        lambda: rollout.promote(over, "r0002", rollout="run1"),
        lambda: rollout.going_on(over, "run1"),
    ):
        with pytest.raises(RolloutAbortedError, match=r"over: enough seen\. Its tasks move no more traffic"):
            act()
    assert rollout.shift(over, "r0002", 0.2, LEASE, rollout="run2").challenger == "r0002"


def test_a_roll_back_by_hand_ends_the_rollout_that_is_under_way() -> None:
    two = rollout.promote(running(), "r0002", rollout="run1")
    three = rollout.shift(two, "r0003", 0.2, LEASE, rollout="run2")
    back = rollout.roll_back(three, "r0001", "complaints")
    assert (back.champion, back.weights) == ("r0001", {"r0001": 1.0})
    with pytest.raises(RolloutAbortedError, match="rolled back to r0001: complaints"):
        rollout.promote(back, "r0003", rollout="run2")


def test_what_died_goes_on_and_what_was_overtaken_does_not() -> None:
    died = rollout.abort(running(), "a task failed", "interrupted")
    again = rollout.shift(died, "r0002", 0.5, LEASE, rollout="run1", opens=False)
    assert again.weights == {"r0001": 0.5, "r0002": 0.5}
    other = rollout.shift(died, "r0003", 0.2, LEASE, rollout="run2")
    ended = rollout.abort(other, "breach")
    with pytest.raises(RolloutAbortedError, match=r"of rollout run2 .* not of run1; .* start a new deployment"):
        rollout.shift(ended, "r0002", 0.5, LEASE, rollout="run1", opens=False)


@pytest.mark.parametrize("died", [False, True], ids=["lease_over", "task_died"])
def test_a_split_that_was_interrupted_continues_from_its_beginning_when_it_is_to(died: bool) -> None:
    split = rollout.shift(FIRST, "r0002", 0.5, -1.0, rollout="run1", strategy="ab_test", sticky_by="client")
    left = rollout.abort(split, "a task died", "interrupted") if died else split
    again = partial(rollout.shift, left, "r0002", 0.5, LEASE, rollout="run1", opens=False)
    assert again(continues=True).begun == split.begun
    assert again().begun != split.begun


def test_a_rollout_whose_lease_is_over_does_not_block_the_next() -> None:
    dead = rollout.shift(FIRST, "r0002", 0.2, -1.0, rollout="run1")
    assert rollout.shift(dead, "r0003", 0.2, LEASE, rollout="run2").challenger == "r0003"


STEPS = st.sampled_from(["shift", "full", "mirror", "abort", "keep", "die", "promote", "roll_back", "renew"])


@given(st.lists(STEPS, max_size=12))
def test_whatever_happens_the_champion_is_one_that_was_promoted(steps: list[str]) -> None:
    """Shares add up, the generation rises by one, and only a promotion or a roll back changes the champion."""
    state = FIRST
    acts = {
        "shift": lambda s: rollout.shift(s, "r0002", 0.2, LEASE, rollout="run"),
        "full": lambda s: rollout.shift(s, "r0002", 1.0, LEASE, rollout="run", opens=False),
        "mirror": lambda s: rollout.mirror(s, "r0002", 1.0, LEASE, "run"),
        "abort": lambda s: rollout.abort(s, "x"),
        "keep": lambda s: rollout.abort(s, "x", "kept"),
        "die": lambda s: rollout.abort(s, "x", "interrupted"),
        "promote": lambda s: rollout.promote(s, "r0002", rollout="run"),
        "roll_back": lambda s: rollout.roll_back(s, "r0001", "x"),
        "renew": lambda s: rollout.renew(s, LEASE),
    }
    for step in steps:
        try:
            after = acts[step](state)
        except (DeploymentError, RolloutAbortedError):
            continue
        assert after.generation == state.generation + 1
        assert sum(after.weights.values()) == pytest.approx(1)
        over = state.rollout == "run" and state.outcome in ("aborted", "kept")
        assert not over or step not in ("shift", "full", "mirror", "promote")
        if after.champion != state.champion:
            assert step in ("promote", "roll_back")
        state = after
