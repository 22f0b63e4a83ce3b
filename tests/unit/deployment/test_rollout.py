"""Transitions of the rollout state."""

import pytest

from include.contracts import RolloutState
from include.deployment import rollout
from include.errors import DeploymentError
from include.usecase import load_usecase

SPEC = load_usecase("flight_delay")
FIRST = rollout.first(SPEC, "r0001")


def test_the_first_release_gets_everything() -> None:
    assert (FIRST.generation, FIRST.champion, FIRST.weights) == (1, "r0001", {"r0001": 1.0})


def test_a_rollout_shifts_in_steps_and_is_promoted() -> None:
    some = rollout.shift(FIRST, "r0002", 0.2, lease_until=9.0)
    assert (some.weights, some.champion, some.lease_until) == ({"r0001": 0.8, "r0002": 0.2}, "r0001", 9.0)
    more = rollout.shift(some, "r0002", 0.5, lease_until=10.0)
    done = rollout.promote(more, "r0002")
    assert (done.generation, done.champion, done.weights, done.lease_until) == (4, "r0002", {"r0002": 1.0}, None)


def test_an_abort_gives_everything_back() -> None:
    back = rollout.abort(rollout.shift(FIRST, "r0002", 0.5, lease_until=9.0), "p99 too high")
    assert (back.champion, back.weights, back.reason, back.lease_until) == (
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
        (lambda s: rollout.shift(s, "r0002", 1.0, 9.0), "a share of 1 for r0002"),
        (
            lambda s: rollout.shift(rollout.shift(s, "r0002", 0.2, 9.0), "r0003", 0.2, 9.0),
            r"rollout of \['r0002'\] is under way",
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
